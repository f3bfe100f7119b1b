"""Rules for versions: nothing is taken in whatever version is the newest today."""

import re
from collections.abc import Iterator
from typing import Final

from lifecycle.blueprint.policy_rules import VersionPins
from lifecycle.policy.facts import Pin, PinKind, Task
from lifecycle.policy.planned import Planned, Remark
from lifecycle.policy.rules.playbooks import short

_BOUND: Final = re.compile(r"(?:^|,)\s*(?:=?\s*v?\d|~>|<)")
_LOCAL: Final = re.compile(r"\.{1,2}(?:/|$)|/")
_FROM_GIT: Final = re.compile(r"git::|git@|github\.com/|bitbucket\.org/|hg::|.*\.git(?:\?|//|$)")

PACKAGES: Final = frozenset(
    ("apt", "dnf", "yum", "package", "pip", "apk", "zypper", "pacman", "npm", "gem", "homebrew", "snap")
)
"""Modules that install packages, by their last name."""

_VERSION_IN_NAME: Final = re.compile(r"[=<>@~]|.+-\d|\.(?:deb|rpm|whl)$|^(?:file|https?)://")


def version_pins(keys: VersionPins, planned: Planned) -> Iterator[Remark]:
    """Providers, modules from elsewhere and packages without a version that has an end."""
    for stack in planned.facts.stacks:
        for pin in stack.pins:
            if asked(pin, keys) and not is_pinned(pin):
                said = f"asks for {pin.version}, which has no end" if pin.version else "has no version"
                yield Remark(f"the {pin.kind} '{pin.name}' {said}", _cure(pin), stack.name, "", pin.where)
    for task in planned.facts.tasks if keys.packages else ():
        yield from _packages(task)


def asked(pin: Pin, keys: VersionPins) -> bool:
    """Whether the rule is about this one."""
    return keys.providers if pin.kind is PinKind.PROVIDER else keys.modules and not _LOCAL.match(pin.source)


def is_pinned(pin: Pin) -> bool:
    """Whether a version has an upper bound, or a module from git names a commit, a tag or a branch."""
    if pin.kind is PinKind.MODULE and _FROM_GIT.match(pin.source):
        return "ref=" in pin.source
    return _BOUND.search(pin.version) is not None


def _cure(pin: Pin) -> str:
    if pin.kind is PinKind.MODULE and _FROM_GIT.match(pin.source):
        return "add ?ref= and a tag to its source"
    return 'write a version with an upper bound, such as "~> 5.0"'


def _packages(task: Task) -> Iterator[Remark]:
    if short(task.module) not in PACKAGES or task.arguments.get("state") in ("absent", "removed"):
        return
    named = task.arguments.get("name") or task.arguments.get("pkg") or task.arguments.get("package")
    names = named if isinstance(named, list) else re.split(r",\s*", named) if isinstance(named, str) else []
    if task.arguments.get("state") == "latest":
        cure = "install a version: name=version, and state: present"
        yield Remark("installs whatever is the latest", cure, "", task.name, task.where)
        return
    if "version" in task.arguments or "requirements" in task.arguments or "path" in task.arguments:
        return
    loose = [str(name) for name in names if not _VERSION_IN_NAME.search(str(name)) and "{{" not in str(name)]
    if loose:
        message = f"installs {', '.join(loose)} without a version"
        yield Remark(message, f"write a version: {loose[0]}=VERSION", "", task.name, task.where)
