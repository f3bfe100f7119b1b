"""A Prober without a network: what each look sees is written down beforehand; when a check is decided is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adapters.fake.clock import FakeClock
from lifecycle.deciding import Decision, concluded, until_decided
from lifecycle.errors import BatonError
from lifecycle.ports import Run
from lifecycle.sensitive import MASK, Sensitive
from lifecycle.verification import Attempt, Check, CheckResult

KINDS = ("http", "tcp", "tls", "sql", "command", "service")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look sees. One that takes as long as its timeout, or longer, fails."""

    passed: bool
    detail: str = ""
    takes: timedelta = timedelta(milliseconds=10)


class FakeProber:
    """Looks according to a script, by the same thresholds as the real one, on a clock that it moves itself.

    A check without a script sees what `otherwise` says. Origins are looked at one after the other.
    """

    def __init__(self, clock: FakeClock | None = None, *, otherwise: bool = True) -> None:
        self.clock = clock or FakeClock()
        self.otherwise = Seen(otherwise)
        self.probed: list[Check] = []
        self._scripts: dict[tuple[str, str], list[Seen]] = {}

    def sees(self, check: str, *looks: Seen | bool, origin: str = "") -> None:
        """Write down what the looks of a check see from now on; the last one repeats. Without an origin, from everywhere."""
        if not origin:
            self._scripts = {key: script for key, script in self._scripts.items() if key[0] != check}
        self._scripts[check, origin] = [look if isinstance(look, Seen) else Seen(look) for look in looks]

    def probe(self, check: Check, run: Run) -> CheckResult:
        if check.kind not in KINDS:
            raise BatonError(f"check '{check.name}': kind '{check.kind}' is not one of {', '.join(KINDS)}")
        if not check.origins:
            raise BatonError(f"check '{check.name}' looks from hosts, and none match")
        self.probed.append(check)
        return concluded(check, {origin: self._decide(check, origin, run) for origin in check.origins})

    def _decide(self, check: Check, origin: str, run: Run) -> Decision:
        def sleep(seconds: float) -> bool:
            if not run.cancel.requested:
                self.clock.advance(timedelta(seconds=seconds))
            return run.cancel.requested

        return until_decided(
            check.thresholds, self._attempt(check, origin, run), clock=self.clock, sleep=sleep, patience=run.deadline
        )

    def _attempt(self, check: Check, origin: str, run: Run) -> Callable[[float], tuple[Attempt, Mapping[str, Any]]]:
        def attempt(seconds: float) -> tuple[Attempt, Mapping[str, Any]]:
            seen, at = self._next(check.name, origin), self.clock.now()
            took = min(seen.takes, timedelta(seconds=seconds))
            passed = seen.passed and took < timedelta(seconds=seconds)
            detail = _masked(seen.detail or ("as wanted" if passed else "not as wanted"), check.spec)
            self.clock.advance(took)
            run.say(
                "check.attempt",
                f"{check.name} from {origin}: {detail}",
                check=check.name,
                origin=origin,
                passed=passed,
                detail=detail,
                seconds=took.total_seconds(),
            )
            return Attempt(at, origin, passed, detail, took.total_seconds()), {}

        return attempt

    def _next(self, check: str, origin: str) -> Seen:
        common = self._scripts.get((check, ""), [self.otherwise])
        script = self._scripts.setdefault((check, origin), list(common))
        return script.pop(0) if len(script) > 1 else script[0]


def _masked(text: str, value: Any) -> str:
    """The text without the secrets in a check's spec."""
    match value:
        case Sensitive():
            secret = str(value.reveal())
            return text.replace(secret, MASK) if secret else text
        case Mapping():
            for item in value.values():
                text = _masked(text, item)
        case list() | tuple():
            for item in value:
                text = _masked(text, item)
        case _:
            pass
    return text
