"""The blueprint that a reference names, as a file of this machine: a path, a checkout of a git repository, a bundle of the store."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from adapters import revisions
from adapters.blueprints import NoBlueprint, find_blueprint
from adapters.git.checkout import checkout
from adapters.settings import Settings
from lifecycle.blueprint.location import InGit, InStore, parse
from lifecycle.bundle import Bundle, chosen

BUNDLES: Final = "bundles"
"""Below the home: bundles that were laid out to be run."""


class Bundles(Protocol):
    """The part of a store that keeps bundles."""

    def bundles(self, name: str = "") -> Sequence[Bundle]: ...
    def contents(self, digests: Iterable[str]) -> Mapping[str, bytes]: ...


@dataclass(frozen=True, slots=True)
class Located:
    """`path` is the blueprint's file; `named` names it again (an absolute path, or the reference as it was given).

    `source` names exactly this one, whatever becomes of a branch or of a bundle's newest version; empty for a path.
    """

    path: Path
    named: str
    source: str = ""

    @property
    def words(self) -> str:
        """Where it came from, for people; empty for a path."""
        return f"the blueprint is {self.source}" if self.source else ""


def locate(text: str, settings: Settings, store: Bundles | None = None) -> Located:
    """What a reference names. Raises NoBlueprint, BadReference, NoBundle, and what git's checkout raises.

    A store is opened where the reference needs one and none is given.
    """
    match parse(text):
        case None:
            path = find_blueprint(text)
            return Located(path, str(path))
        case InGit() as wanted:
            return _in_git(text, wanted, settings)
        case InStore() as wanted:
            with _opened(store, settings) as bundles:
                one = chosen(bundles.bundles(), wanted)
                files = bundles.contents({file.digest for file in one.files.values()})
            path = revisions.lay_out(one, files, settings.home / BUNDLES / one.name)
            return Located(path, text, one.reference)


def _in_git(text: str, wanted: InGit, settings: Settings) -> Located:
    found = checkout(wanted, settings.cache)
    place = (found.root / wanted.folder).resolve()
    inside = place.is_relative_to(found.root.resolve())
    try:
        path = find_blueprint(str(place)) if inside else None
    except NoBlueprint:
        path = None
    if path is None or not path.is_relative_to(found.root.resolve()):
        hint = "name its folder after //: git+https://HOST/REPOSITORY.git//FOLDER?ref=REF"
        where = f"in {wanted.folder}" if wanted.folder else "at its top"
        raise NoBlueprint(f"{wanted.url} at {found.commit[:12]} has no blueprint {where}", hint=hint)
    return Located(path, text, wanted.at(found.commit))


def _opened(store: Bundles | None, settings: Settings) -> AbstractContextManager[Bundles]:
    if store is not None:
        return nullcontext(store)
    from adapters.registry import open_store

    return open_store(settings)
