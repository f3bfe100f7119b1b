"""Playbooks as rules see them: every task with its module, its arguments and where it stands. Our own small reading.

It follows `import_playbook`, blocks, roles (with their dependencies) and included files whose names are written out. A name
that is a template, a role of a collection, and what a module does inside are not seen. Source: docs.ansible.com, "Playbook
Keywords".
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.facts import Playbook, Task
from lifecycle.sensitive import JSON, MASK

_SECTIONS: Final = ("pre_tasks", "tasks", "post_tasks", "handlers")
_BLOCKS: Final = ("block", "rescue", "always")
_INCLUDES: Final = ("include_tasks", "import_tasks", "include")
_ROLES: Final = ("include_role", "import_role")
_KEYWORDS: Final = frozenset(
    [
        "action",
        "any_errors_fatal",
        "args",
        "async",
        "become",
        "become_exe",
        "become_flags",
        "become_method",
        "become_user",
        "changed_when",
        "check_mode",
        "collections",
        "connection",
        "debugger",
        "delay",
        "delegate_facts",
        "delegate_to",
        "diff",
        "environment",
        "failed_when",
        "ignore_errors",
        "ignore_unreachable",
        "listen",
        "local_action",
        "loop",
        "loop_control",
        "module_defaults",
        "name",
        "no_log",
        "notify",
        "poll",
        "port",
        "register",
        "remote_user",
        "retries",
        "run_once",
        "tags",
        "throttle",
        "timeout",
        "until",
        "vars",
        "when",
    ]
)
LINE: Final = "__line__"
"""The key under which a mapping keeps the line that it begins on."""


class _Loader(yaml.CSafeLoader):
    """Reads what Ansible reads: a vaulted value is masked, an unsafe one is its text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found = {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }
    return {**found, LINE: node.start_mark.line + 1}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("!vault", lambda _loader, _node: MASK)
_Loader.add_constructor("!unsafe", lambda _loader, node: str(node.value))


@dataclass(frozen=True, slots=True)
class _Manner:
    """What a task takes over from the play, the role or the block that it stands in."""

    playbook: Playbook
    become: bool = False
    become_user: str = ""
    no_log: bool = False

    def within(self, part: Mapping[str, Any]) -> _Manner:
        return replace(
            self,
            become=part["become"] is True if "become" in part else self.become,
            become_user=str(part.get("become_user") or self.become_user),
            no_log=part["no_log"] is True if "no_log" in part else self.no_log,
        )


@dataclass(slots=True)
class _Reading:
    roles: Sequence[Path]
    seen: set[tuple[Path, _Manner]] = field(default_factory=set)

    def file(self, path: Path, manner: _Manner) -> Iterator[Task]:
        """The tasks of a playbook or of a file of tasks."""
        if (path, manner) in self.seen:
            return
        self.seen.add((path, manner))
        entries = _read(path)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                is_play = "hosts" in entry or "import_playbook" in entry
                yield from self.play(entry, path, manner) if is_play else self.task(entry, path, manner)

    def play(self, play: Mapping[str, Any], path: Path, manner: _Manner) -> Iterator[Task]:
        other = play.get("import_playbook") or play.get("ansible.builtin.import_playbook")
        if isinstance(other, str) and (path.parent / other).is_file():
            yield from self.file(path.parent / other, manner)
        inside = manner.within(play)
        for role in play.get("roles") or ():
            name = role if isinstance(role, str) else role.get("role") or role.get("name")
            yield from self.role(str(name), path, inside.within(role) if isinstance(role, dict) else inside)
        for section in _SECTIONS:
            for task in play.get(section) or ():
                if isinstance(task, dict):
                    yield from self.task(task, path, inside)

    def role(self, name: str, path: Path, manner: _Manner) -> Iterator[Task]:
        beside = (path.parent / "roles", *(parent for parent in path.parents if parent.name == "roles"), *self.roles)
        folder = next((found for base in beside if (found := base / name).is_dir()), None)
        if folder is None or (folder, manner) in self.seen:  # roles may need each other
            return
        self.seen.add((folder, manner))
        about = _read(folder / "meta" / "main.yml") if (folder / "meta" / "main.yml").is_file() else None
        for needed in (about.get("dependencies") or ()) if isinstance(about, dict) else ():
            other = needed if isinstance(needed, str) else needed.get("role") or needed.get("name")
            yield from self.role(str(other), folder / "meta", manner)
        for part in ("tasks", "handlers"):
            for file in sorted((folder / part).rglob("*.y*ml")):
                yield from self.file(file, manner)

    def task(self, task: Mapping[str, Any], path: Path, manner: _Manner) -> Iterator[Task]:
        inside = manner.within(task)
        inner = [one for key in _BLOCKS for one in task.get(key) or () if isinstance(one, dict)]
        if any(key in task for key in _BLOCKS):
            for one in inner:
                yield from self.task(one, path, inside)
            return
        module, arguments = _module(task)
        short = module.rpartition(".")[2]
        target = arguments.get("file") or arguments.get("_raw") or arguments.get("name")
        if short in _INCLUDES and isinstance(target, str):
            if (path.parent / target).is_file():
                yield from self.file(path.parent / target, inside)
        elif short in _ROLES and isinstance(target, str):
            yield from self.role(target, path, inside)
        if module:
            yield _task(task, module, arguments, path, inside)


def tasks(playbook: Playbook, folder: Path, roles: Sequence[Path] = ()) -> tuple[Task, ...]:
    """The tasks of a playbook below a folder. `roles` are directories of roles beside the playbook's own.

    Raises PolicyBroken for a file that cannot be read: what nobody saw must not count as harmless.
    """
    path = Path(os.path.normpath(folder / playbook.path))
    return tuple(_Reading(roles).file(path, _Manner(playbook)))


def _task(task: Mapping[str, Any], module: str, arguments: Mapping[str, JSON], path: Path, manner: _Manner) -> Task:
    words = "\n".join(_texts({key: value for key, value in task.items() if key != LINE}))
    used = sorted(name for name in manner.playbook.secrets if re.search(rf"\b{re.escape(name)}\b", words))
    return Task(
        playbook=manner.playbook.path,
        module=module,
        name=str(task.get("name") or module),
        arguments=arguments,
        become=manner.become,
        become_user=manner.become_user,
        no_log=manner.no_log,
        secrets=tuple(used),
        where=f"{path}:{task.get(LINE, 1)}",
    )


def _module(task: Mapping[str, Any]) -> tuple[str, dict[str, JSON]]:
    """A task's module and its arguments; free-form ones are taken apart where they are `key=value`."""
    more = task.get("args") if isinstance(task.get("args"), dict) else {}
    for key, value in task.items():
        if key in ("action", "local_action", "ansible.builtin.action"):
            if isinstance(value, dict):
                given = {k: v for k, v in value.items() if k not in ("module", LINE)}
                return str(value.get("module", "")), {**given, **(more or {})}
            name, _, rest = str(value).partition(" ")
            return name, {**_free(rest), **(more or {})}
        if key not in _KEYWORDS and key != LINE and not str(key).startswith("with_"):
            given = (
                {k: v for k, v in value.items() if k != LINE} if isinstance(value, dict) else _free(str(value or ""))
            )
            return str(key), {**given, **(more or {})}
    return "", {}


def _free(text: str) -> dict[str, JSON]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    pairs = {
        key: value for key, equals, value in (word.partition("=") for word in words) if equals and key.isidentifier()
    }
    return {"_raw": text, **pairs} if text else {}


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _read(path: Path) -> JSON:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyBroken(f"{path} cannot be read: {error}") from None
    if text.startswith("$ANSIBLE_VAULT"):
        raise PolicyBroken(
            f"{path} is encrypted as a whole: nobody can say what its tasks do", hint="encrypt values instead"
        )
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with two more tags
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PolicyBroken(f"{path}:{mark.line + 1 if mark else 1}: this is not valid YAML") from None
    except RecursionError:
        raise PolicyBroken(f"{path} is nested too deep") from None
