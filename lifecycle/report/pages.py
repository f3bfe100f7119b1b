"""Pages about one run, as Markdown: how far it is, what it would change, what it left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lifecycle.certificate import Certificate
from lifecycle.desired import Desired
from lifecycle.environment import Environment, Phase
from lifecycle.events import Event
from lifecycle.observed import Reviewed
from lifecycle.preview import HostWork
from lifecycle.report.picture import lifecycle_graph
from lifecycle.report.preview.fields import preview_fields
from lifecycle.report.preview.markdown import preview_markdown
from lifecycle.report.words import certificate_text, counted

_BEGINS: Final = {
    Phase.PLANNING: (0, 20),
    Phase.PROVISIONING: (20, 60),
    Phase.CONFIGURING: (60, 85),
    Phase.VERIFYING: (85, 99),
    Phase.TEARING_DOWN: (0, 99),
}
"""Per cent at which a phase begins and ends. How long each takes nobody knows: it is for the eye."""
_SHOWN: Final = 6
"""Running steps that are named."""


@dataclass
class Progress:
    """How far a run is, from what it says of itself."""

    phase: Phase = Phase.PLANNING
    percent: float = 0.0
    running: dict[str, str] = field(default_factory=dict)  # key of the step → its title
    done: int = 0
    failed: int = 0
    last: str = ""  # how it ended
    _in_phase: list[int] = field(default_factory=lambda: [0, 0])  # started, finished

    def hear(self, event: Event) -> bool:
        """Take an event in; whether it says anything about how far the run is."""
        match event.type:
            case "run.started":
                self.__init__()  # type: ignore[misc]  # a run that cleans up after another one
            case "environment.phase":
                self._move(Phase(str(event.data.get("phase"))))
            case "step.started":
                self.running[event.step] = event.message
                self._in_phase[0] += 1
            case "step.finished":
                self.running.pop(event.step, None)
                self.done += 1
                self.failed += event.data.get("status") != "ok"
                self._in_phase[1] += 1
            case _:
                return False
        begin, end = _BEGINS.get(self.phase, (self.percent, self.percent))
        started, finished = self._in_phase
        self.percent = max(self.percent, round(begin + (end - begin) * min(1.0, finished / (started + 1)), 1))
        return True

    def _move(self, phase: Phase) -> None:
        self.phase, self._in_phase = phase, [0, 0]

    def end(self, environment: Environment, complete: bool) -> None:
        """The run has ended."""
        self.phase, self.last = environment.phase, environment.message
        self.running.clear()
        if environment.phase is Phase.WAITING:  # a review that asks has not failed
            self.failed = 0
        if complete:
            self.percent = 100.0

    @property
    def text(self) -> str:
        """Phase, numbers and what is running now, as Markdown."""
        failed = f", {self.failed} failed" if self.failed else ""
        lines = [f"**{self.phase.label}**: {counted(self.done, 'step')} ended{failed}"]
        titles = list(self.running.values())
        lines += [f"- {title}" for title in titles[:_SHOWN]]
        if (more := len(titles) - _SHOWN) > 0:
            lines.append(f"- and {more} more")
        return "\n".join([*lines, *(["", self.last] if self.last else [])])


def preview_page(reviewed: Reviewed, desired: Desired | None) -> str:
    """The preview, with the environment as a picture."""
    fields = preview_fields(reviewed)
    if desired is None:
        return preview_markdown(fields)
    busy = {s["name"]: sum(h["work"] != HostWork.NOTHING for h in s["hosts"]) for s in fields["configure"]}
    notes = {name: stack["summary"] or "not known yet" for name, stack in fields["stacks"].items()}
    steps = {name: f"on {counted(number, 'host')}" if number else "nothing to do" for name, number in busy.items()}
    return preview_markdown(fields, list(lifecycle_graph(desired, notes, steps)))


def certificate_page(certificate: Certificate) -> str:
    """A certificate as it is printed."""
    return "\n".join(["```", *certificate_text(certificate), "```", ""])


def links_page(found: Mapping[str, str]) -> str:
    """One link, or a list of them."""
    return "\n".join(f"- [{name}]({url})" for name, url in found.items())
