"""Bundles: blueprints with everything that they are made of, published into the store so that any worker of it can run them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lifecycle.blueprint.location import STORE, InStore
from lifecycle.digest import digest
from lifecycle.errors import BatonError, ExitCode
from lifecycle.revision import KeptFile


class NoBundle(BatonError):
    """There is no such bundle in the store."""

    exit_code = ExitCode.USAGE


class BundleExists(BatonError):
    """This version is published already, and is something else."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of a published blueprint. Its digest covers the files, their names, and which one is the blueprint."""

    name: str
    version: str  # a number that Baton counts, or what the publisher said; empty: not published yet
    digest: str
    at: datetime
    by: str
    blueprint: str  # path of the blueprint's file among `files`
    files: Mapping[str, KeptFile] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """What names it, in forms and on command lines."""
        return f"{STORE}{self.name}@{self.version}"


def bundle(name: str, version: str, *, at: datetime, by: str, blueprint: str, files: Mapping[str, KeptFile]) -> Bundle:
    """A bundle of these files."""
    kept = {path: [file.digest, file.executable] for path, file in files.items()}
    return Bundle(name, version, digest([blueprint, kept]), at, by, blueprint, files)


def published(known: Sequence[Bundle], new: Bundle) -> Bundle:
    """The bundle as it is to be kept: under its own version, else under the one that it has already, else the next number.

    `known` are the versions of its name, the oldest first. Raises BundleExists.
    """
    if not new.version:
        if known and known[-1].digest == new.digest:
            return known[-1]
        numbers = [int(one.version) for one in known if one.version.isdecimal()]
        return replace(new, version=str(max(numbers, default=0) + 1))
    for one in known:
        if one.version == new.version and one.digest == new.digest:
            return one
        if one.version == new.version:
            raise BundleExists(
                f"{one.reference} was published by {one.by}, and is not the same",
                hint="a version never changes: publish it under another one, or without a version under the next number",
            )
    return new


def chosen(known: Sequence[Bundle], wanted: InStore) -> Bundle:
    """The version that is wanted, else the one that was published last. Raises NoBundle with what there is."""
    mine = [one for one in known if one.name == wanted.name]
    for one in reversed(mine):
        if wanted.version in ("", one.version):
            return one
    if mine:
        there = ", ".join(one.version for one in mine[-10:])
        raise NoBundle(f"there is no version {wanted.version} of {STORE}{wanted.name}", hint=f"there are: {there}")
    names = ", ".join(dict.fromkeys(one.name for one in known)) or "none: publish one with `baton publish BLUEPRINT`"
    raise NoBundle(f"there is no bundle {STORE}{wanted.name} in this store", hint=f"bundles are: {names}")
