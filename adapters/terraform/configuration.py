"""What can be known about a Terraform module without running Terraform: variables, backend, local children, files.

Terraform has no cheap command for it (`init` and `validate` load providers), so its files are scanned: comments, strings and
heredocs are blanked out, then blocks and attributes are found by their braces. Expressions are not evaluated.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lifecycle.errors import BatonError

IGNORED = re.compile(
    r"\.terraform|\.git|__pycache__|terraform\.tfstate.*|\.terraform\.tfstate\.lock\.info|crash.*\.log|.*\.tfplan"
)
"""Names that are no part of a module: Terraform's own working files, saved plans, version control."""

_BLOCK = re.compile(r'^[ \t]*([A-Za-z_][\w-]*)((?:[ \t]+(?:"[^"\n]*"|[A-Za-z_][\w-]*))*)[ \t]*\{', re.MULTILINE)
_LABEL = re.compile(r'"([^"\n]*)"|([A-Za-z_][\w-]*)')
_HEREDOC = re.compile(r"<<-?([A-Za-z_][\w-]*)[ \t]*\n")
_UP = re.compile(r"(?:\.\./)+|\.\.(?=[\"'])")


class NoModule(BatonError):
    """The directory holds no Terraform module."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared input. `type` is the type expression's first word (`string`, `list`, `object` ...), empty where none is given."""

    name: str
    type: str = ""
    required: bool = True
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Module:
    """One directory of configuration. `sources` are its children's sources as written; `reach` how far up its strings point."""

    path: Path
    variables: Mapping[str, Variable] = field(default_factory=dict)
    backend: str = ""  # "s3", "local", "cloud" ...; empty where the module names none
    sources: tuple[str, ...] = ()
    preset: frozenset[str] = frozenset()  # variables that *.tfvars files of the module set; they beat the environment
    reach: int = 0

    @property
    def local_children(self) -> tuple[Path, ...]:
        return tuple(
            Path(os.path.normpath(self.path / source))
            for source in self.sources
            if source.startswith(("./", "../")) or source in (".", "..")
        )


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" ... { body }`. `line` counts from 1 in the text that it was found in."""

    type: str
    labels: tuple[str, ...]
    body: str
    line: int = 1


def read_module(path: Path) -> Module:
    """The module in a directory. Raises NoModule. A file that does not parse is left to Terraform, which says it best."""
    if not path.is_dir():
        raise NoModule(f"{path} is no directory", hint="a stack's source is the directory of a Terraform root module")
    texts = {file: _text(file) for file in sorted(path.iterdir()) if file.name.endswith((".tf", ".tf.json"))}
    if not texts:
        raise NoModule(
            f"there is no *.tf file in {path}", hint="a stack's source is the directory of a Terraform root module"
        )
    variables: dict[str, Variable] = {}
    backend, sources, reach = "", [], 0
    for file, text in texts.items():
        for block in json_blocks(text) if file.suffix == ".json" else blocks(text):
            if block.type == "variable" and block.labels:
                variables[block.labels[0]] = _variable(block)
            elif block.type == "terraform":
                backend = _backend(block) or backend
            elif block.type == "module" and (source := attribute(block.body, "source")):
                sources.append(source.strip('"'))
        reach = max([reach, *(match.count("..") for match in _UP.findall(text))])
    return Module(path, variables, backend, tuple(sources), _preset(path), reach)


def module_tree(root: Path) -> tuple[Module, ...]:
    """A root module and every local module that it reaches, the root first. A child that is not there is left to Terraform."""
    found: dict[Path, Module] = {}
    queue = [Path(os.path.abspath(root))]  # noqa: PTH100 - symlinks are kept: `../` is relative to the path as written
    while queue:
        path = queue.pop(0)
        if path in found or (found and not path.is_dir()):
            continue
        try:
            found[path] = read_module(path)
        except NoModule:
            if not found:
                raise
            continue
        queue.extend(found[path].local_children)
    return tuple(found.values())


def files(root: Path) -> Mapping[str, Path]:
    """Every file of a module and of the local modules that it reaches, by its path relative to the module."""
    return {os.path.relpath(file, root): file for module in module_tree(root) for file in _files(module.path)}


def fingerprint(root: Path) -> str:
    """Digest of those files, by relative path and content."""
    found = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files(root).items()}
    lines = "".join(f"{name}\0{content}\n" for name, content in sorted(found.items()))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def configuration_digest(modules: tuple[Module, ...]) -> str:
    """Digest of the configuration files alone: what `init` depends on."""
    digest = hashlib.sha256()
    for module in modules:
        for file in sorted(module.path.iterdir()):
            if file.name.endswith((".tf", ".tf.json")):
                digest.update(f"{file}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not IGNORED.fullmatch(name))
        for name in sorted(files):
            file = Path(folder, name)
            if not IGNORED.fullmatch(name) and file.is_file():
                yield file


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


# --- HCL, as much as is needed ---


@lru_cache(maxsize=1024)  # a run asks the same files again before every command
def blocks(text: str) -> tuple[Block, ...]:
    """The blocks at the top level of a text."""
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    bare = _bare(text)
    at = 0
    while match := _BLOCK.search(bare, at):
        end = _closing(bare, match.end())
        labels = tuple(a or b for a, b in _LABEL.findall(text[match.start(2) : match.end(2)]))
        yield Block(match[1], labels, text[match.end() : end], text.count("\n", 0, match.start(1)) + 1)
        at = end + 1


def set_names(body: str) -> frozenset[str]:
    """The attributes and blocks that stand in a block's body, those of `dynamic` blocks by their label."""
    flat = _flat(_bare(body))
    attributes = re.findall(r"(?:^|\r)[ \t]*([A-Za-z_][\w-]*)[ \t]*=(?!=)", flat, re.MULTILINE)
    inner = blocks(body)
    return frozenset([*attributes, *(b.labels[0] if b.type == "dynamic" and b.labels else b.type for b in inner)])


def attribute(body: str, name: str) -> str:
    """The expression of an attribute of a block, as written; empty where there is none."""
    bare = _flat(_bare(body))
    match = re.search(rf"^[ \t]*{re.escape(name)}[ \t]*=[ \t]*", bare, re.MULTILINE)
    if match is None:
        return ""
    end = bare.find("\n", match.end())
    return body[match.end() : end if end >= 0 else len(body)].partition(" #")[0].strip()


def json_blocks(text: str) -> Iterator[Block]:
    """The blocks of a *.tf.json file, with bodies as HCL would write the few attributes that are looked at."""
    try:
        document = json.loads(text)
    except ValueError:
        return
    for kind in ("variable", "module"):
        for part in _each(document.get(kind)):
            for label, body in part.items():
                yield Block(kind, (label,), "".join(_attributes(body)))
    for part in _each(document.get("terraform")):
        inner = [f'backend "{name}" {{\n}}\n' for each in _each(part.get("backend")) for name in each]
        inner += ["cloud {\n}\n"] if "cloud" in part else []
        yield Block("terraform", (), "".join(inner))


def _attributes(body: Any) -> Iterator[str]:
    for part in _each(body):
        for name, value in part.items():
            yield f"{name} = {value if name == 'type' else json.dumps(value)}\n"


def _each(value: Any) -> list[dict[str, Any]]:
    """JSON configuration may write one block as an object or many as a list of objects."""
    parts = value if isinstance(value, list) else [value]
    return [part for part in parts if isinstance(part, dict)]


def _variable(block: Block) -> Variable:
    return Variable(
        name=block.labels[0],
        type=re.match(r"\w*", attribute(block.body, "type").strip('"'))[0],  # type: ignore[index]  # matches the empty text too
        required=not attribute(block.body, "default"),
        sensitive=attribute(block.body, "sensitive") == "true",
    )


def _backend(terraform: Block) -> str:
    for block in blocks(terraform.body):
        if block.type == "backend" and block.labels:
            return block.labels[0]
        if block.type == "cloud":
            return "cloud"
    return ""


def _preset(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for file in path.iterdir():
        if file.name == "terraform.tfvars.json" or file.name.endswith(".auto.tfvars.json"):
            try:
                names |= set(json.loads(_text(file)))
            except (ValueError, TypeError):
                continue
        elif file.name == "terraform.tfvars" or file.name.endswith(".auto.tfvars"):
            names |= set(re.findall(r"^[ \t]*([A-Za-z_][\w-]*)[ \t]*=", _flat(_bare(_text(file))), re.MULTILINE))
    return frozenset(names)


@lru_cache(maxsize=4096)
def _bare(text: str) -> str:
    """The text with comments, strings' insides and heredocs blanked out; every offset stays what it was."""
    out = list(text)
    at = 0
    while at < len(text):
        if text[at] == '"':
            end = _string_end(text, at + 1)
            _blank(out, at + 1, end)
            at = end + 1
        elif text[at] == "#" or text.startswith("//", at):
            end = _find(text, "\n", at)
            _blank(out, at, end)
            at = end
        elif text.startswith("/*", at):
            end = _find(text, "*/", at) + 2
            _blank(out, at, end)
            at = end
        elif heredoc := _HEREDOC.match(text, at):
            last = re.compile(rf"^[ \t]*{re.escape(heredoc[1])}[ \t]*$", re.MULTILINE).search(text, heredoc.end())
            end = last.end() if last else len(text)
            _blank(out, at, end)
            at = end
        else:
            at += 1
    return "".join(out)


def _flat(bare: str) -> str:
    """A bare text with everything inside braces, brackets and parentheses blanked out too."""
    out, depth = list(bare), 0
    for at, letter in enumerate(bare):
        depth -= letter in "}])"
        if depth > 0 and letter != "\n":
            out[at] = " "
        elif depth > 0:
            out[at] = "\r"  # a line end in there ends no attribute
        depth += letter in "{[("
    return "".join(out)


def _string_end(text: str, at: int) -> int:
    """Where a quoted string ends; interpolations in it may hold strings of their own."""
    depth = 0
    while at < len(text):
        if text[at] == "\\" and depth == 0:
            at += 1
        elif text.startswith(("$${", "%%{"), at):
            at += 2
        elif text.startswith(("${", "%{"), at) and depth == 0:
            depth, at = 1, at + 1
        elif depth and text[at] in "{}":
            depth += 1 if text[at] == "{" else -1
        elif text[at] == '"' and depth:
            at = _string_end(text, at + 1)
        elif text[at] in '"\n' and not depth:
            return at
        at += 1
    return len(text)


def _closing(bare: str, at: int) -> int:
    depth = 1
    for position in range(at, len(bare)):
        depth += {"{": 1, "}": -1}.get(bare[position], 0)
        if depth == 0:
            return position
    return len(bare)


def _blank(out: list[str], start: int, end: int) -> None:
    for at in range(start, min(end, len(out))):
        if out[at] != "\n":
            out[at] = " "


def _find(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    return found if found >= 0 else len(text)
