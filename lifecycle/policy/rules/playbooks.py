"""Rules for playbooks: which modules, who becomes whom, what is said of secrets."""

from collections.abc import Iterator
from typing import Final

from lifecycle.blueprint.policy_rules import PlaybookBecome, PlaybookModules, PlaybookNoLog
from lifecycle.policy.facts import Task
from lifecycle.policy.planned import Planned, Remark, matches

_BUILTIN: Final = ("ansible.builtin.", "ansible.legacy.")


def short(module: str) -> str:
    """A module's last name: `apt` of `ansible.builtin.apt`."""
    return module.rpartition(".")[2]


def playbook_modules(keys: PlaybookModules, planned: Planned) -> Iterator[Remark]:
    """Tasks with a module that is denied, or not allowed."""
    for task in planned.facts.tasks:
        names = _names(task.module)
        if any(matches(name, keys.deny) for name in names):
            yield _of(task, f"the module {task.module} may not be used")
        elif keys.allow and not any(matches(name, keys.allow) for name in names):
            yield _of(task, f"the module {task.module} is none of those that may be used", ", ".join(keys.allow))


def playbook_become(keys: PlaybookBecome, planned: Planned) -> Iterator[Remark]:
    """Tasks that become another user in a playbook that may not."""
    for task in planned.facts.tasks:
        if task.become and not matches(task.playbook, keys.playbooks):
            yield _of(task, f"becomes {task.become_user or 'root'}", f"take become away, or list {task.playbook}")


def playbook_no_log(_: PlaybookNoLog, planned: Planned) -> Iterator[Remark]:
    """Tasks that use a secret variable and would say so."""
    for task in planned.facts.tasks:
        if task.secrets and not task.no_log:
            yield _of(task, f"uses the secret {', '.join(task.secrets)} and may print it", "add no_log: true")


def _names(module: str) -> tuple[str, ...]:
    """A module's names: the built-in ones have a short and a long one."""
    if module.startswith(_BUILTIN):
        return (module, short(module), f"{_BUILTIN[0]}{short(module)}")
    return (module,) if "." in module else (module, f"{_BUILTIN[0]}{module}")


def _of(task: Task, message: str, cure: str = "") -> Remark:
    return Remark(message, cure, "", task.name, task.where)
