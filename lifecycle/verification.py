"""Checks and what they found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lifecycle.inventory import Host

ON_HOSTS = ("command", "service")
"""Kinds that always run on hosts."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Kubernetes' probe words in snake_case, plus `deadline`: give up after this long whatever happened."""

    initial_delay: timedelta = timedelta(0)
    period: timedelta = timedelta(seconds=2)
    timeout: timedelta = timedelta(seconds=5)
    success_threshold: int = 1
    failure_threshold: int = 15  # a service that was just started may need half a minute
    deadline: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Check:
    """One check with every reference resolved.

    `kind` is http, tcp, tls, sql, command or service; `spec` holds that kind's keys as the blueprint names them
    (values may be Sensitive). `vantage` is "controller", "outside" or "hosts"; for "hosts" the check runs once
    from each of `hosts`, and passes when all do. command and service always run on `hosts`.
    """

    name: str
    kind: str
    spec: Mapping[str, Any]
    vantage: str = "controller"
    hosts: tuple[Host, ...] = ()
    thresholds: Thresholds = Thresholds()

    @property
    def origins(self) -> Mapping[str, Host | None]:
        """Where it looks from, by the names that evidence uses: its vantage (None), or hosts by name.

        Where two stacks have a host of one name, stack and id are in theirs. Empty when it runs on hosts and there are none.
        """
        if self.vantage != "hosts" and self.kind not in ON_HOSTS:
            return {self.vantage: None}
        names = [host.name for host in self.hosts]
        return {h.name if names.count(h.name) == 1 else f"{h.stack}/{h.name} ({h.id})": h for h in self.hosts}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One look of one check, from one place."""

    at: datetime
    origin: str  # controller, outside, or a host's name
    passed: bool
    detail: str  # what was seen, in words, masked
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, with its evidence: the last attempt from every place."""

    check: str
    passed: bool
    summary: str
    evidence: tuple[Attempt, ...] = ()
    attempts: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
