"""The reference of the blueprint, from its model: the annotations as they are written, the defaults, the texts under the keys."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo

from lifecycle.blueprint import backend, checks, hosts, model, policy, policy_rules, probes, schedule
from lifecycle.blueprint.descriptions import descriptions
from lifecycle.blueprint.places import LATER
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import DURATION_WORDS, format_duration
from lifecycle.blueprint.schema import models
from lifecycle.blueprint.sources import FROM_WORDS
from lifecycle.sensitive import JSON
from scripts.docs.markdown import GENERATED, anchor, code, sentence, table

EVERY_KEY: Final = Path(__file__).resolve().parents[2] / "tests/golden/blueprint/valid-every-key/blueprint.yaml"

WORDS: Final[Mapping[str, str]] = {
    "AfterName": "name or `check.NAME`",
    "Amount": "amount of money",
    "BucketName": "name of a bucket",
    "Certificates": "`file:PATH` or reference",
    "Command": "text or list of texts",
    "Count": "whole number from 0",
    "Day": "day such as `2026-12-31`",
    "Delay": "duration",
    "Duration": "duration",
    "EndpointUrl": "http(s) address",
    "Expect": "`open`, `closed`, or a mapping",
    "FilePath": "`file:PATH`",
    "From": "`controller`, `outside`, or a host selector",
    "GroupName": "group name",
    "InputName": "name",
    "JSON": "any value",
    "Jump": "`user@host[:port]` or a host selector",
    "Key": "`generate`, `agent` or `file:PATH`",
    "KeyPrefix": "path",
    "KmsKey": "id or ARN of a key",
    "Name": "name",
    "Number": "number",
    "OutputName": "name of an output",
    "Percent": "whole number from 0 to 100",
    "PolicyPath": "path that begins with `./`, `../` or `/`",
    "Port": "port or reference",
    "PortNumber": "port",
    "RegionName": "region",
    "Regex": "regular expression",
    "ResourceType": "type of resource, or `*`",
    "Secret": "secret's source",
    "Serial": "number or percentage",
    "Status": "HTTP status",
    "Statuses": "HTTP status, or a list of them",
    "StrictBool": "true or false",
    "StrictInt": "whole number",
    "TcpTarget": "`host:port` or a mapping",
    "Text": "text",
    "Texts": "list: text",
    "Times": "whole number from 1",
    "TrustSource": "source of trust",
    "Url": "http(s) address",
    "int": "whole number",
    "str": "text",
}
"""What the annotations are called for people. A new one without a word here fails the documentation's test."""

_INSIDE: Final[Mapping[str, str]] = {"Expect": "CommandExpect", "From": "HostSelector", "TcpTarget": "Tcp"}
"""Annotations behind which a part with a section of its own stands."""


def page() -> str:
    """docs/reference/blueprint.md."""
    return "\n\n".join([f"{GENERATED}\n\n# The blueprint, key by key", _INTRODUCTION, *_sections(), _example()]) + "\n"


_INTRODUCTION: Final = f"""\
One YAML file, `blueprint.yaml`, read by YAML 1.2's rules (`on` and `no` are texts, `22:30` is a text). A key that is written twice,
or that nobody knows, is refused. `baton validate` says every problem at once, each with file, line and column.

For completion in an editor, put [the schema](blueprint.schema.json) into the file's first line, by path or by address:

```yaml
# yaml-language-server: $schema=../../docs/reference/blueprint.schema.json
```

## Values

{
    table(
        ["value", "written as"],
        [
            [
                "name",
                "small letters, digits and dashes, a letter first, at most 31 characters; of inputs and groups also `_`, at most 63",
            ],
            ["duration", DURATION_WORDS.removeprefix("a duration such as ")],
            ["port", "a number from 1 to 65535"],
            ["`file:PATH`", "a path, relative to the blueprint's folder"],
            ["secret's source", FROM_WORDS],
            ["regular expression", "Python's syntax"],
            ["reference", "`${...}`, see below"],
        ],
    )
}

A duration names its units from large to small, each once: `1h30m`, not `90` and not `30m1h`.

## References

{
    table(
        ["reference", "stands for"],
        [
            ["`${inputs.NAME}`", "an input's value"],
            ["`${stacks.NAME.outputs.OUTPUT}`", "an output of a stack; whoever uses it waits for that stack"],
            ["`${environment.name}`", "the environment's name"],
            [
                "`${environment.ssh_public_key}`",
                "public half of the key that Baton made for the environment (`connection.key: generate`)",
            ],
            [
                "`${environment.ca_certificate}`",
                "certificate (PEM) of the authority that signs the environment's `certificate:` secrets",
            ],
            [
                "`${environment.operator_cidr}`",
                "the range that operators come from (setting `operator_cidr`; the local cloud knows its own)",
            ],
        ],
    )
}

A path leads into a value: `${{stacks.web.outputs.hosts.web-1.address}}`, `${{stacks.network.outputs.subnets[0].id}}`. A text that is
one reference and nothing else takes the value with its type; inside a longer text only texts, numbers and truth values may stand.
`$${{` is a literal `${{`. There is no expression language: compute in Terraform, in Ansible, or outside. Whatever comes from a secret
is a secret."""


def _sections() -> Iterator[str]:
    places = _places()
    titles = {kind: _title(kind, places[kind]) for kind in models()}
    for kind in models():
        others = [code(place) for place in places[kind][1:]]
        lines = [f"## {titles[kind]}", sentence(kind.__doc__ or "")]
        if others:
            lines.append(f"Also: {', '.join(others)}.")
        yield "\n\n".join([*lines, table(["key", "type", "default", "meaning"], _rows(kind, titles))])
    yield "## Not supported yet\n\n" + _later()


def _title(kind: type[Part], places: list[str]) -> str:
    return "The file" if kind is model.Blueprint else places[0]


def _places() -> dict[type[Part], list[str]]:
    """Where each part may stand, by path."""
    found: dict[type[Part], list[str]] = {kind: [] for kind in models()}

    def look(kind: Any, path: str) -> None:
        if isinstance(kind, type) and issubclass(kind, Part):
            if path in found[kind]:
                return
            found[kind].append(path)
            for name, field in kind.model_fields.items():
                look(field.annotation, f"{path}.{_key(name, field)}".lstrip("."))
        elif kind_of := getattr(kind, "__origin__", None):
            inside = {dict: f"{path}.NAME", tuple: f"{path}[]"}.get(kind_of, path)
            for inner in get_args(kind):
                look(inner, inside)
        else:
            for inner in get_args(kind):
                look(inner, path)

    look(model.Blueprint, "")
    return found


def _rows(kind: type[Part], titles: Mapping[type[Part], str]) -> Iterator[list[str]]:
    texts = descriptions(kind)
    own = inspect.get_annotations(kind)
    for name, field in sorted(kind.model_fields.items(), key=lambda item: item[0] not in own):  # inherited ones last
        yield [code(_key(name, field)), _type(_annotation(kind, name), titles), _default(field), texts[name]]


def _key(name: str, field: FieldInfo) -> str:
    return field.serialization_alias or name


def _annotation(kind: type[Part], name: str) -> str:
    """An annotation as it is written in the source."""
    for one in kind.__mro__:
        if name in (found := inspect.get_annotations(one)):
            return str(found[name])
    raise KeyError(name)


def _type(annotation: str, titles: Mapping[type[Part], str]) -> str:
    return _words(ast.parse(annotation, mode="eval").body, titles)


def _words(node: ast.expr, titles: Mapping[type[Part], str]) -> str:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr()):  # `| None`: may be left out, which the default says
            return _words(left, titles)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _words(first, titles)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[first, *_])):
            return f"list: {_words(first, titles)}"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            return f"mapping: {_words(key, titles)} → {_words(value, titles)}"
        case ast.Name(id=name):
            return _word(name, titles)
    raise TypeError(f"no words for the annotation {ast.unparse(node)}")


def _word(name: str, titles: Mapping[type[Part], str]) -> str:
    kinds = {
        k: v
        for module in (model, backend, checks, hosts, probes, policy, policy_rules, schedule)
        for k, v in vars(module).items()
    }
    kind = kinds.get(_INSIDE.get(name, name))
    words = WORDS.get(name, "")
    if isinstance(kind, type) and issubclass(kind, Part):
        return f"[{words or 'mapping'}](#{anchor(titles[kind])})"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(code(str(one)) for one in kind)
    return words or WORDS[name]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = _plain(field.get_default(call_default_factory=True))
    return "" if value in (None, "", [], {}) else code(value if isinstance(value, str) else json.dumps(value))


def _plain(value: object) -> JSON:
    """A default as a blueprint would write it; nothing for a part, whose own section says it."""
    match value:
        case timedelta():
            return format_duration(value)
        case Part():
            return None
        case tuple():
            return [_plain(item) for item in value]
        case None | bool() | int() | float() | dict():
            return value
        case _:
            return str(value)


def _later() -> str:
    lines = []
    for path, keys in LATER.items():
        where = f"under `{'.'.join(map(str, path))}`" if path else "at the top"
        lines.append(f"- {where}: {', '.join(code(key) for key in sorted(keys))}")
    return "These keys are refused with a word of their own, so that nobody thinks they act:\n\n" + "\n".join(lines)


def _example() -> str:
    text = EVERY_KEY.read_text(encoding="utf-8").strip()
    return f"## An example with every key\n\nA test loads this file.\n\n```yaml\n{text}\n```"
