"""The same kills for those who have no Baton: a plain script, and Terraform with provisioners (baselines/).

Each trial is an environment from nothing, killed once and run again as its user would: the same command, up to four times, a few
seconds apart. Then the same questions are asked as of Baton.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from adapters.endpoint import find
from adapters.settings import Settings
from adapters.terraform import mirrors
from adapters.terraform.environment import surroundings
from tests.chaos.real.command import Command
from tests.chaos.real.ground import ROOT, Ground, orphans, state_ids
from tests.chaos.real.kills import Kill, Moment, Target, Way
from tests.chaos.real.lifetime import PHASES
from tests.chaos.real.processes import Farewell, marked

COPIED = ("tests/chaos/real/blueprint", "tests/chaos/real/baselines", "terraform/modules")
REAL = Path("tests/chaos/real")
ROOTS: Final[Mapping[str, tuple[Path, ...]]] = {
    "script": (REAL / "blueprint/names", REAL / "blueprint/main"),
    "provisioners": (REAL / "baselines/provisioners",),
}
"""Each one's Terraform roots, the last built first."""
TAG = "chaos"
ATTEMPTS = 4
BREATH = 8.0
"""Seconds between two attempts."""
CHILDREN = 30.0
"""Seconds that every second trial waits before the first of them for what the kill left running."""
PATTERNS: Final = (
    (re.compile(r"\.(aws_\w+)\.\S+: Creating\.\.\."), "resource.started:{}"),
    (re.compile(r"\.(aws_\w+)\.\S+: Creation complete"), "resource.finished:{}"),
    (re.compile(r"^(?:.*\(local-exec\): )?TASK \[(.+?)\]"), "task.started:{}"),
)
"""What Terraform and Ansible print for people → the kind of event, as Baton's events have it."""


@dataclass
class Trial:
    """One environment of a baseline: who was killed and when, and what was wrong at the end (a word each, and what it was)."""

    name: str
    number: int
    kill: Kill
    who: str = ""
    at: float = 0.0
    marks: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def pointed(line: str) -> str:
    for pattern, point in PATTERNS:
        if found := pattern.search(re.sub(r"\x1b\[[0-9;]*m", "", line)):
            return point.format(found[1]).replace(" ", "_")
    return ""


def translated(kill: Kill) -> Kill | None:
    """The kill as it hits somebody else's run; None where that has no such moment or nobody like this.

    Ctrl-C reaches everybody in the terminal's foreground. Baton's tools are not there; a script's are.
    """
    point = kill.moment.point
    if point and not point.startswith(("resource.started:aws", "resource.finished:aws", "task.started:")):
        return None
    if kill.target is Target.SUPERVISOR:
        return None
    pressed = kill.target is Target.RUN and kill.way in (Way.INT, Way.INT_TWICE)
    return replace(kill, target=Target.ALL) if pressed else kill


class Baseline:
    """Runs trials of one of them. `seconds` is what it takes undisturbed, once that is known: random instants are scaled by it."""

    def __init__(self, ground: Ground, name: str, usual: float) -> None:
        self._ground, self.name, self._usual = ground, name, usual
        self._given = _given(ground)
        self.seconds = usual

    def prepare(self) -> None:
        """A tree that is initialised, once; and how long it takes when nobody kills."""
        work = self._template
        for part in COPIED:
            ignored = shutil.ignore_patterns(".terraform*", "terraform.tfstate*", "__pycache__")
            shutil.copytree(ROOT / part, work / "tree" / part, ignore=ignored)
        for root in ROOTS[self.name]:
            subprocess.run(
                ["terraform", f"-chdir={work / 'tree' / root}", "init", "-input=false"],
                env=dict(self._given), check=True, capture_output=True, timeout=120,
            )  # fmt: skip
        trial = Trial(self.name, 0, Kill(Moment("", 0.0), Target.RUN, Way.KILL))
        self.run(trial, disturbed=False)
        if trial.faults:
            sys.exit(f"{self.name} does not work undisturbed: {trial.faults}")

    @property
    def _template(self) -> Path:
        return self._ground.home / self.name / "0"

    def run(self, trial: Trial, *, disturbed: bool = True) -> Trial:
        """Build, kill, build again, look, destroy."""
        work = self._ground.home / self.name / str(trial.number)
        if work != self._template:
            ignored = shutil.ignore_patterns("terraform.tfstate*", ".terraform.tfstate.lock.info")
            shutil.copytree(self._template / "tree", work / "tree", symlinks=True, ignore=ignored)
        tag = (TAG, f"{self.name}-{trial.number}")
        env = self._environ(work, tag[1])
        try:
            whole = self._killed(trial, work, env, tag) if disturbed else {}
            self._again(trial, work, env)
            trial.faults |= dict(self._wrong(work, tag, whole))
        finally:
            self._clear(trial, tag)
        return trial

    def _killed(self, trial: Trial, work: Path, env: Mapping[str, str], tag: tuple[str, str]) -> dict[str, str]:
        """Kill it; the hosts that are configured then."""
        command = self._command(trial, work, env)
        moment = trial.kill.moment
        if not moment.point:
            trial.kill = replace(trial.kill, moment=Moment("", moment.seconds * self.seconds / self._usual))
        trial.who = command.killed(trial.kill, 120)
        trial.at = command.seconds
        command.ended(command.seconds + 120)
        whole = self._ground.whole(*tag)
        if trial.number % 2:  # as patient as with Baton
            Farewell(command.mark, CHILDREN, merciful=True).wait()
        return whole

    def _again(self, trial: Trial, work: Path, env: Mapping[str, str]) -> None:
        for attempt in range(ATTEMPTS):
            time.sleep(BREATH if attempt else 0)
            command = self._command(trial, work, env)
            code = command.ended(180)
            if code == 0:
                if not trial.number:
                    self.seconds = command.seconds
                return
        words = command.last_words
        locked = any("state lock" in line for line in command.lines)
        trial.faults["locked" if locked else "fails"] = words

    def _command(self, trial: Trial, work: Path, env: Mapping[str, str]) -> Command:
        script = work / "tree" / REAL / "baselines" / f"{self.name}.sh"
        command = Command([str(script)], work, env, pointed)
        trial.marks.append(command.mark)
        return command

    def _wrong(self, work: Path, tag: tuple[str, str], whole: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Word → what is wrong."""
        wanted = PHASES[0].wanted
        running = self._ground.instances(*tag)
        known = state_ids(work / "tree" / root / "terraform.tfstate" for root in ROOTS[self.name])
        mine = {one: name for one, name in running.items() if one in known.get("aws_instance", ())}
        configured = [name for one, name in mine.items() if set(self._ground.words(one)) == {wanted.word}]
        if sorted(configured) != sorted(wanted.names):
            yield "unconfigured", f"configured are {sorted(configured)}"
        if gone := sorted(f"{name} {one}" for one, name in whole.items() if one not in mine):
            yield "replaced", ", ".join(gone)
        if len(running) > len(set(running.values())):
            yield "doubled", ", ".join(sorted(running.values()))
        if left := orphans(self._ground.tagged(*tag), known):
            yield "orphans", ", ".join(left)

    def _clear(self, trial: Trial, tag: tuple[str, str]) -> None:
        """End what still runs, and the hosts; the rest of it goes with the cloud."""
        for process in (p for mark in trial.marks for p in marked(mark)):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self._ground.terminate(list(self._ground.instances(*tag)))

    def _environ(self, work: Path, tag: str) -> dict[str, str]:
        phase = PHASES[0]
        own = {"WORK": str(work), "NAME": f"b{work.name}", "MEMBERS": str(phase.members), "WORD": phase.word}
        return {**self._given, **own, f"TF_AWS_DEFAULT_TAGS_{TAG}": tag}


def _given(ground: Ground) -> Mapping[str, str]:
    """What Baton hands its tools, for the scripts."""
    endpoint = find(Settings(home=ground.home))
    configuration = ground.home / "terraform.rc"
    configuration.write_text(mirrors.cli_configuration(mirrors.discover(), os.environ, implied_only=False) or "")
    return {
        **surroundings(ground.environ, endpoint.variables()).variables,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "PROXY": endpoint.proxy_command,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start elsewhere
    }
