"""What the files of a configuration say about each resource: where it is written, what it sets, which versions it asks for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.terraform.configuration import NoModule, attribute, blocks, module_tree, set_names
from lifecycle.policy.facts import Pin, PinKind

_DEEPEST = 20
"""Modules inside one another. Terraform itself refuses a module that calls itself; its files may still say so."""


@dataclass(frozen=True, slots=True)
class Written:
    """One resource's block: `where` is file:line as the user knows the file, `sets` its attributes and blocks."""

    where: str
    sets: frozenset[str]


def resources(source: Path, installed: Mapping[str, Path] | None = None) -> Mapping[str, Written]:
    """Every resource below a root module, by address without keys.

    A module that is not local is found in `installed` (its calls' names with dots → its directory), or left out. Of
    `*.tf.json` files nothing is known but what Terraform says.
    """
    return dict(_resources(source, "", installed or {}))


def installed(data: Path, directory: Path) -> Mapping[str, Path]:
    """The modules that `init` brought, from Terraform's own list; `directory` is where it ran."""
    try:
        listed = json.loads((data / "modules" / "modules.json").read_text(encoding="utf-8"))["Modules"]
        return {one["Key"]: directory / one["Dir"] for one in listed if one["Key"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # none was brought, or a Terraform that keeps another list: those modules stay unknown


def pins(source: Path) -> tuple[Pin, ...]:
    """The versions that a root module and its local modules ask for: of providers, and of modules from elsewhere."""
    found: list[Pin] = []
    for module in module_tree(source):
        for file, text in _texts(module.path):
            where = os.path.relpath(file, source)
            for block in blocks(text):
                if block.type == "terraform":
                    found += _providers(block.body, os.path.normpath(source / where), block.line)
                elif block.type == "module" and block.labels:
                    told, version = (attribute(block.body, name).strip('"') for name in ("source", "version"))
                    place = f"{os.path.normpath(source / where)}:{block.line}"
                    found.append(Pin(PinKind.MODULE, block.labels[0], version, told, place))
    return tuple(found)


def _providers(body: str, file: str, line: int) -> Iterator[Pin]:
    for block in blocks(body):
        if block.type != "required_providers":
            continue
        for name in sorted(set_names(block.body)):
            told = attribute(block.body, name)
            version = (
                re.search(r'\bversion\s*=\s*"([^"]*)"', _whole(block.body, name)) if told.startswith("{") else None
            )
            at = re.search(rf"^[ \t]*{re.escape(name)}\s*=", block.body, re.MULTILINE)
            below = block.body.count("\n", 0, at.start()) if at else 0
            text = (version[1] if version else "") if told.startswith("{") else told.strip('"')
            yield Pin(PinKind.PROVIDER, name, text, "", f"{file}:{line + block.line - 1 + below}")


def _whole(body: str, name: str) -> str:
    """The expression of an attribute that may go over several lines."""
    start = re.search(rf"^[ \t]*{re.escape(name)}\s*=\s*\{{", body, re.MULTILINE)
    return body[start.end() : body.find("}", start.end())] if start else ""


def _resources(path: Path, prefix: str, installed: Mapping[str, Path], depth: int = 0) -> Iterator[tuple[str, Written]]:
    for file, text in _texts(path):
        for block in blocks(text):
            if block.type in ("resource", "data") and len(block.labels) == 2:
                kind = "data." if block.type == "data" else ""
                address = f"{prefix}{kind}{'.'.join(block.labels)}"
                yield address, Written(f"{os.path.normpath(file)}:{block.line}", set_names(block.body))
            elif block.type == "module" and block.labels and depth < _DEEPEST:
                inner = f"{prefix}module.{block.labels[0]}."
                source = attribute(block.body, "source").strip('"')
                local = source in (".", "..") or source.startswith(("./", "../"))
                child = path / source if local else installed.get(_key(inner))
                if child is not None and child.is_dir():
                    yield from _resources(child, inner, installed, depth + 1)


def _key(prefix: str) -> str:
    """`module.a.module.b.` → `a.b`, as Terraform lists what it installed."""
    return ".".join(prefix.split(".")[1::2])


def _texts(path: Path) -> Iterator[tuple[Path, str]]:
    try:
        files = sorted(path.iterdir())
    except OSError:
        raise NoModule(f"{path} is no directory") from None
    for file in files:
        if file.name.endswith(".tf"):
            yield file, file.read_text(encoding="utf-8", errors="replace")
