"""Events of a run → progress while it runs, and a result for every host at its end."""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adapters.ansible.diffs import unified
from lifecycle.configuration import HostResult, HostStatus, TaskChange
from lifecycle.events import Level, Say

HIDDEN: Final = "hidden by no_log"
LONGEST: Final = 400  # characters of a message, without the task's place
LAST_LINES: Final = 3  # of what a program wrote
_VAGUE: Final = re.compile(
    r"non-zero return code|MODULE FAILURE|See std(out|err)|deserialization failed|unknown error", re.IGNORECASE
)
_NO_TRACEBACK: Final = "(traceback unavailable)"
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

NOT_REACHED: Final = "was not configured: the run ended before its turn"
NOT_THROUGH: Final = "did not come to the end: the run ended because of another host"
NO_PLAY: Final = "no play of this playbook is for it"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The last thing that went wrong on a host."""

    task: str
    message: str


@dataclass
class Reader:
    """Takes compact events one by one (see child.py). `say` is told about each as it comes, every text masked."""

    say: Say
    mask: Callable[[str], str] = lambda text: text
    display: Callable[[str], str] = lambda host: host  # Ansible's name → the host's
    folder: Path | None = None  # the playbook's: places of tasks are shown from there
    stats: Mapping[str, Mapping[str, int]] | None = None
    troubles: dict[str, Trouble] = field(default_factory=dict)
    changes: dict[str, list[TaskChange]] = field(default_factory=dict)  # Ansible's name of a host → what changed there
    rehearsing: bool = False  # whether what changes is wanted task by task
    handlers: set[str] = field(default_factory=set)  # tasks that are handlers
    output: list[str] = field(default_factory=list)  # what is no event: errors before the first play
    patterns: list[str] = field(default_factory=list)  # of plays
    unmatched: int = 0  # plays that matched no host
    through: Mapping[str, Any] = field(default_factory=dict)  # how far the playbook came (see callback/)
    prompt: str = ""  # a variable that the playbook asks a person for
    returncode: int | None = None
    status: str = ""

    def take(self, event: Mapping[str, Any]) -> None:
        """One event."""
        match event.get("event"):
            case "playbook_on_play_start":
                self.patterns.append(str(event.get("pattern", "")))
                self._say("play.started", f"play: {event.get('name', '')}", play=event.get("name", ""))
            case "playbook_on_task_start":
                self._say("task.started", _task(event), Level.DEBUG, task=_task(event))
            case "playbook_on_handler_task_start":
                self.handlers.add(_task(event))
            case "runner_on_ok":
                result = event.get("res", {})
                changed = bool(result.get("changed"))
                hidden = (
                    HIDDEN if "censored" in result else ""
                )  # then nobody says whether it changed anything, but the stats
                if changed and self.rehearsing:
                    self._changed(event)
                self._task("changed" if changed else "ok", event, Level.INFO if changed else Level.DEBUG, hidden)
            case "runner_on_skipped":
                self._task("skipped", event, Level.DEBUG)
            case "runner_on_failed":
                self._failed(event)
            case "runner_on_unreachable":
                self._note(event)
                self._task("unreachable", event, Level.ERROR, self._reason(event))
            case "playbook_on_no_hosts_matched":
                self.unmatched += 1
            case "through":
                self.through = event
            case "playbook_on_vars_prompt":
                self.prompt = str(event.get("varname", ""))
            case "playbook_on_stats":
                self.stats = event["stats"]
            case "finished":
                self.returncode, self.status = event.get("rc"), str(event.get("status", ""))
            case "verbose" | "warning" | "error" | "deprecated" | "system_warning" | "":
                self._said(str(event.get("stdout", "")))
            case _:
                pass  # items of loops, notified handlers, includes: the task says it all

    @property
    def said(self) -> str:
        """Everything that Ansible wrote beside its events."""
        return "\n".join(self.output)

    def results(self, hosts: Sequence[str]) -> tuple[HostResult, ...]:
        """How these hosts (Ansible's names) came out, by the run's statistics. Nobody is well without evidence."""
        return tuple(self._result(host) for host in hosts)

    # --- events

    def _changed(self, event: Mapping[str, Any]) -> None:
        task = _task(event)
        diff = self.mask(unified(event.get("res", {}).get("diff")))
        one = TaskChange(self.mask(task), diff, task in self.handlers)
        self.changes.setdefault(str(event.get("host", "")), []).append(one)

    def _failed(self, event: Mapping[str, Any]) -> None:
        if event.get("ignore_errors"):
            self._task("ignored", event, Level.WARNING, self._reason(event))
            return
        self._note(event)
        self._task("failed", event, Level.ERROR, self._reason(event))

    def _note(self, event: Mapping[str, Any]) -> None:
        self.troubles[str(event.get("host", ""))] = Trouble(self.mask(_task(event)), self._reason(event))

    def _reason(self, event: Mapping[str, Any]) -> str:
        """Why the task failed and where it stands, in one line."""
        place = self.mask(_place(str(event.get("task_path") or ""), self.folder))
        return message(event.get("res", {}), self.mask) + (f" ({place})" if place else "")

    def _task(self, what: str, event: Mapping[str, Any], level: Level, reason: str = "") -> None:
        host = self.display(str(event.get("host", "")))
        text = f"{host}: {_task(event)}" + (f": {reason}" if reason else "")
        seconds = round(float(event.get("duration") or 0.0), 2)
        more = {"reason": self.mask(reason)} if reason else {}
        self._say(f"task.{what}", text, level, host=host, task=_task(event), seconds=seconds, **more)

    def _said(self, text: str) -> None:
        for line in _ANSI.sub("", text).splitlines():
            if line.strip():
                self.output.append(self.mask(line))
        warning = _ANSI.sub("", text).strip()
        if warning.startswith("[WARNING]"):
            self._say(
                "tool.warning", f"ansible: {' '.join(warning.removeprefix('[WARNING]: ').split())}", Level.WARNING
            )

    def _say(self, kind: str, text: str, level: Level = Level.INFO, **data: Any) -> None:
        masked = {key: self.mask(value) if isinstance(value, str) else value for key, value in data.items()}
        self.say(kind, self.mask(text), level=level, **masked)

    # --- results

    def _result(self, name: str) -> HostResult:
        counted = {key: int(of.get(name, 0)) for key, of in (self.stats or {}).items()}
        status, reason = self._status(name, Counter(counted))
        trouble = self.troubles.get(name) if status in (HostStatus.FAILED, HostStatus.UNREACHABLE) else None
        return HostResult(
            host=self.display(name),
            status=status,
            ok=counted.get("ok", 0),
            changed=counted.get("changed", 0),
            failed=counted.get("failures", 0),
            skipped=counted.get("skipped", 0),
            task=trouble.task if trouble and not reason else "",
            message=reason or (trouble.message if trouble else ""),
            changes=tuple(self.changes.get(name, ())),
        )

    def _status(self, name: str, counted: Mapping[str, int]) -> tuple[HostStatus, str]:
        """The status by the counts, and what has to be said about it beyond the failing task."""
        if self.stats is None:
            return HostStatus.FAILED, "" if name in self.troubles else "the run was stopped before it was through"
        if counted["dark"]:
            return HostStatus.UNREACHABLE, ""
        if counted["failures"]:
            return HostStatus.FAILED, ""
        if counted["ok"] and not self._came_through(name):
            return HostStatus.FAILED, f"{NOT_THROUGH}{self._because()}"
        if counted["changed"]:
            return HostStatus.CHANGED, ""
        if counted["ok"]:
            return HostStatus.OK, ""
        if not counted["skipped"] and not counted["processed"]:
            return self._untouched()
        return HostStatus.SKIPPED, ""

    def _untouched(self) -> tuple[HostStatus, str]:
        """A host that no task ran on."""
        if self.returncode:
            return HostStatus.FAILED, f"{NOT_REACHED}{self._because()}"
        where = f"{NO_PLAY} (plays are for: {', '.join(dict.fromkeys(self.patterns)) or 'nobody'})"
        if not any(any(of.values()) for of in (self.stats or {}).values()):
            return HostStatus.FAILED, where  # nothing was done at all
        return HostStatus.SKIPPED, where

    def _came_through(self, name: str) -> bool:
        """Whether a host without a failure of its own came to the end of the playbook. The statistics do not say."""
        if not self.returncode:
            return True
        if not self.through:
            return False
        dropped = name in self.through["removed"]
        batch_missing = self.through["serial"] and name not in self.through["last"]
        return not dropped and not batch_missing and bool(self.through["started"] == self.through["plays"])

    def _because(self) -> str:
        bad = [f"{self.display(host)} in task '{trouble.task}'" for host, trouble in self.troubles.items()]
        return f" (failed: {'; '.join(bad[:3])})" if bad else ""


def message(result: Mapping[str, Any], mask: Callable[[str], str] = lambda text: text) -> str:
    """Why a result failed, in one line of at most LONGEST characters: its message, a program's exit code and last lines,
    a loop's failed items. Masked before anything is cut: half a secret is not recognised.
    """
    return _short(_why(result, mask))


def _why(result: Mapping[str, Any], mask: Callable[[str], str]) -> str:
    if "censored" in result:
        return HIDDEN
    items = result.get("failed_items") or []
    if items:
        return "; ".join(f"item {mask(str(item.get('item', '?')))}: {_why(item, mask)}" for item in items)
    texts = {key: mask(str(result.get(key) or "")).strip() for key in _TEXTS}
    words = _line(*dict.fromkeys(texts[key] for key in ("msg", "reason"))).removeprefix("Task failed: ")
    code = result.get("rc") or 0
    tail = _tail(texts, vague=not words) if code or not words or _VAGUE.search(words) else ""
    if code:
        words = f"{words} (exit {code})" if words else f"it ended with {code}"
    elif not words and "rc" in result:
        words = "it ended well, but its `failed_when` says that it failed"
    return ": ".join(text for text in (words, tail if tail not in words else "") if text) or "it said nothing"


_TEXTS: Final = ("msg", "reason", "stderr", "module_stderr", "exception", "stdout", "module_stdout")


def _tail(texts: Mapping[str, str], *, vague: bool) -> str:
    """The last lines of the first stream that says something; of a traceback only where nothing else speaks."""
    streams = ("stderr", "module_stderr", *(("exception",) if vague else ()), "stdout", "module_stdout")
    said = next((texts[key] for key in streams if texts[key] and texts[key] != _NO_TRACEBACK), "")
    return _line("\n".join([line for line in said.splitlines() if line.strip()][-LAST_LINES:]))


def _line(*texts: str) -> str:
    return " | ".join(" ".join(line.split()) for text in texts for line in text.splitlines() if line.strip())


def _short(text: str) -> str:
    """The beginning and the end: what failed is said first, and why it did is said last."""
    half = (LONGEST - 3) // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def _place(task_path: str, folder: Path | None) -> str:
    """`path:line`, from the playbook's folder where that is the shorter way to say it."""
    if not task_path or folder is None:
        return task_path
    return min(os.path.relpath(task_path, folder), task_path, key=len)


def _task(event: Mapping[str, Any]) -> str:
    """`role : task`, as Ansible prints it."""
    task = str(event.get("task") or event.get("name") or event.get("task_action") or "")
    role = str(event.get("role") or "")
    return f"{role} : {task}" if role and not task.startswith(f"{role} : ") else task
