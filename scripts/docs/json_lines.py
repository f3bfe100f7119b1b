"""What `--json` prints: the objects and their fields, read off the calls that print them, and the events of a run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.docs.markdown import code, table

ROOT: Final = Path(__file__).resolve().parents[2]

EVENTS: Final = {
    "run.started": ("a run begins", "run"),
    "run.reconciling": ("an earlier run began this step and nobody knows how it ended: it is looked at first", ""),
    "run.stopping": ("somebody wants the run to stop", ""),
    "run.cleaning": ("a run failed, and the blueprint says what becomes of it (`on_failure`)", ""),
    "revision.incomplete": ("a revision uses something that is not kept with it", ""),
    "tick.due": ("a tick begins with an environment", "environment, goal"),
    "teardown.late": (
        "an environment whose time had come is taken down late; said once",
        "environment, due, late, why",
    ),
    "lease.expiring": ("a lease ends soon", "environment, ends, left"),
    "approval.ignored": ("an answer in the form of a suspended run does not count", ""),
    "approval.closed": ("a question that nobody answered is closed", ""),
    "lock.waiting": ("another run holds the environment, and this one waits for it", ""),
    "log.lost": ("the run's log cannot be written, as on a full disk; the run goes on", ""),
    "environment.phase": ("the environment is in another phase", "phase"),
    "environment.ignored": ("variables of your environment that are not handed to Terraform", "names"),
    "engine.trouble": (
        "the engine could not begin a step, or not write down how it ended: the step itself is not concerned",
        "",
    ),
    "step.started": ("a step begins", "kind, subject"),
    "step.finished": ("a step ended", "status (ok, failed, cancelled), changed, seconds, title, hint"),
    "stack.initialising": ("`terraform init` is needed", "stack"),
    "step.retried": ("something failed for a reason that passes, and is tried again", "seconds, trouble"),
    "state.unlocking": (
        "a lock that a dead Terraform of ours left on its state is released",
        "stack, lock, owner, created",
    ),
    "state.moved": ("a state that lay on this machine was moved into the bucket", "stack, to, resources"),
    "state.settled": ("a plan found all that was moved: the copy here is gone", "stack"),
    "state.incomplete": ("a plan did not find all that was moved: the copy here is kept", "stack"),
    "proof.again": ("something is left that may be going: it is looked at again", ""),
    "orphan.removing": ("something that belongs to no environment is asked to go", "id, resource_type"),
    "stack.orphaned": ("a stack has left the blueprint, and nothing will take it down", ""),
    "stack.adopting": ("what an interrupted apply made is taken over", "address, id"),
    "stack.discarding": (
        "what an interrupted apply made, Terraform cannot take over and nothing is lost with goes",
        "id",
    ),
    "stack.keeping": ("a host whose making was only interrupted is well, and kept", "address, id"),
    "stack.replacing": ("a host whose making was interrupted is not well, and made anew", "id"),
    "stack.pushed": ("a state that an apply could not write was written now", "stack"),
    "state.rescued": ("Terraform could write the state nowhere; it is kept, and pushed by the next plan", "stack"),
    "resource.started": ("Terraform begins with a resource", "address, id, seconds, action, resource_type"),
    "resource.progress": ("it is still at it", "as above"),
    "resource.finished": ("it is done", "as above"),
    "resource.failed": ("it failed", "as above"),
    "plan.warning": ("Terraform warns while planning", ""),
    "outputs.unknown": ("a stack's outputs could not be read", ""),
    "host.discovery.failed": ("the cloud could not be asked for hosts; it is asked again", ""),
    "host.rung": ("a host reached a rung of the ladder", "host, rung, seconds"),
    "host.waits": ("a host is not there yet", "host, reason"),
    "finding": ("something that somebody should look at, such as trust on first use", "host"),
    "selector.empty": ("a configure step or a check is for no host at all", ""),
    "play.started": ("a play begins", "play"),
    "task.started": ("a task begins", "task"),
    "task.ok": ("a task found nothing to do on a host", "host, task, seconds, reason"),
    "task.changed": ("a task changed a host", "as above"),
    "task.skipped": ("a task was not for this host", "as above"),
    "task.ignored": ("a task failed, and its playbook ignores it", "as above"),
    "task.failed": ("a task failed on a host", "as above"),
    "task.unreachable": ("a host could not be reached", "as above"),
    "tool.warning": ("a warning of a tool", ""),
    "check.attempt": ("a check looked once", "check, origin, passed, detail, seconds"),
    "secret.readable": ("a secret's file may be read by others", ""),
    "secret.missing": ("a teardown goes on without a secret that cannot be had", ""),
    "internal.error": ("a fault of Baton's own, with its traceback", ""),
}
"""Events by type: what they mean, and their fields beside at, message, step and level. A test compares them with the code."""


def section() -> str:
    """The part of the page."""
    objects = [
        [code(t), code(f"baton {by}") if by else "every verb", ", ".join(map(code, names))]
        for t, by, names in printed()
    ]
    events = [[code(t), text, data] for t, (text, data) in EVENTS.items()]
    return (
        "`--json` prints one object per line on standard output, each with a `type`. New fields may be added; those here stay.\n\n"
        + table(["type", "printed by", "fields"], objects)
        + "\n\n`a.b` is a field inside a field, `a[]` a list of objects, `a.*` an object with names as keys.\n\n"
        "`error` comes last where a command fails; facts of the error stand beside its message, its hint and its exit code.\n\n"
        "### Events\n\n"
        "`plan`, `up` and `down` print an object per event before their `result`; each has `at` (UTC), `message` (for people),\n"
        "`step` (the step's key, such as `apply:main`) and `level` (debug, info, warning, error). `baton logs --json` prints the same\n"
        "events later, with the type in `event` and the other fields in `data`.\n\n"
        + table(["type", "meaning", "more fields"], events)
    )


FIELDS: Final = tuple(ROOT / "lifecycle" / "report" / name for name in ("fields.py", "cost.py", "preview/fields.py"))
"""Files whose functions turn values into fields."""
LISTS: Final = ("check_fields",)
"""Of those, the ones that give a list."""
SHARED: Final = {
    "previews": ("plan", "show"),
    "answering": ("approve", "reject"),
    "schedules": ("down --at", "lease extend", "lease show", "schedule add", "schedule rm"),
    "orphans": ("down --orphans",),
}
"""Files beside the verbs that print for them → the commands that print it."""


def printed() -> Iterator[tuple[str, str, list[str]]]:
    """(type, verb, fields) of every object that a verb prints."""
    for path in sorted((ROOT / "baton" / "verbs").glob("*.py")):
        for call in _calls(path, "emit"):
            yield str(_text(call.args[0])), _verb(path, call), list(_fields(call))
    for name, commands in SHARED.items():
        for call in _calls(ROOT / "baton" / f"{name}.py", "emit"):
            yield from ((str(_text(call.args[0])), command, list(_fields(call))) for command in commands)
    yield "error", "", ["message", "hint", "exit_code"]


def _verb(path: Path, call: ast.Call) -> str:
    around = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    inside = [n.name for n in around if n.lineno <= call.lineno <= (n.end_lineno or 0)]
    return (
        path.stem if inside[-1] == path.stem or inside[-1].startswith("_") else f"{path.stem} {inside[-1].rstrip('_')}"
    )


def _fields(call: ast.Call) -> Iterator[str]:
    for word in call.keywords:
        match word:
            case ast.keyword(arg=str(name)):
                yield name
            case ast.keyword(value=ast.Call(func=ast.Name(id=name))):
                yield from _returned(name)
            case ast.keyword(value=ast.DictComp()):  # logs: an event with its type renamed
                yield from ("at", "event", "message", "step", "level", "data")
            case _:
                yield from ("baton", "python", "...")


def _functions() -> dict[str, ast.FunctionDef]:
    """The functions that turn values into fields, by name."""
    parsed = [ast.parse(file.read_text(encoding="utf-8")) for file in FIELDS]
    return {n.name: n for source in parsed for n in source.body if isinstance(n, ast.FunctionDef)}


def _returned(name: str) -> Iterator[str]:
    """Field names of what one of these functions gives, with dots into nested ones."""
    function = _functions()[name]
    for node in function.body:
        value = node.value if isinstance(node, ast.Return | ast.Assign | ast.AnnAssign) else None
        if value is not None:
            yield from _keys(value, "")
    for node in (n for n in ast.walk(function) if isinstance(n, ast.Assign)):
        if isinstance(node.targets[0], ast.Subscript):
            at = str(_text(node.targets[0].slice))
            yield from list(_keys(node.value, f"{at}.")) or [at]


def _keys(value: ast.expr, before: str) -> Iterator[str]:
    match value:
        case ast.Dict():
            for key, item in zip(value.keys, value.values, strict=True):
                if key is None:  # the host's public and private addresses
                    yield from (f"{before}private_address", f"{before}public_address")
                    continue
                name = f"{before}{_text(key)}"
                nested = list(_keys(item, f"{name}."))
                yield from nested or [name]
        case ast.ListComp():
            yield from _keys(value.elt, before.removesuffix(".") + ("[]." if before else ""))
        case ast.DictComp():
            yield from _keys(value.value, f"{before}*.")
        case ast.Call(func=ast.Name(id=name)) if name in _functions():
            into = f"{before.removesuffix('.')}[]." if name in LISTS else before
            yield from (f"{into}{key.removeprefix('[].')}" for key in _returned(name))
        case ast.BinOp(left=left, right=right):
            yield from (*_keys(left, before), *_keys(right, before))
        case ast.IfExp(body=body):
            yield from _keys(body, before)
        case _:
            return


def said() -> set[str]:
    """Every type of event that the code says, from the calls that say it."""
    found: set[str] = set()
    for folder in ("lifecycle", "adapters", "flows"):
        for path in (ROOT / folder).rglob("*.py"):
            for name, prefix in (("say", ""), ("_say", ""), ("warning", ""), ("_resource", ""), ("_task", "task.")):
                for call in _calls(path, name):
                    if call.args and isinstance(call.args[0], ast.Dict):  # what Ansible's own process says to ours
                        continue
                    texts = (
                        [n.value for n in ast.walk(call.args[0]) if isinstance(n, ast.Constant)] if call.args else []
                    )
                    found |= {
                        f"{prefix}{t}" for t in texts if isinstance(t, str) and re.fullmatch(r"[a-z]+(\.[a-z]+)*", t)
                    }
    return found


def _calls(path: Path, name: str) -> Iterator[ast.Call]:
    """Calls of a function of this name: `say(...)`, `run.say(...)`, `self._say(step)(...)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.func if isinstance(node.func, ast.Call) else node.func
            if getattr(called, "attr", getattr(called, "id", "")) == name:
                yield node


def _text(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)
