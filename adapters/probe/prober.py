"""The Prober port over real sockets and ssh."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from adapters.probe import command, http, sql, tcp, tls
from adapters.probe.dialer import Dialer
from adapters.probe.engine import Looker, look_once
from adapters.probe.look import Mask
from adapters.probe.remote import Remote
from adapters.probe.spec import (
    BadCheck,
    CommandSpec,
    HttpSpec,
    ServiceSpec,
    Spec,
    SqlSpec,
    TcpSpec,
    TlsSpec,
    read_spec,
)
from adapters.probe.through_host import ThroughHost
from lifecycle.deciding import Decision, concluded, until_decided
from lifecycle.inventory import Host
from lifecycle.ports import Clock, Run
from lifecycle.sensitive import sensitive_parts
from lifecycle.verification import ON_HOSTS, Attempt, Check, CheckResult

Masking = Callable[[Iterable[Any]], Mask]
"""From the secrets of a check (any JSON values) to a function that masks them in a text."""


class NetworkProber:
    """Runs checks for real. Thread-safe: any number of `probe` calls may run at once.

    `places` are the dialers of the vantages that are no hosts ("controller", "outside"); a check from a place that is
    missing there is refused. `masking` makes the function that keeps a check's own secrets out of its evidence.
    """

    def __init__(self, *, places: Mapping[str, Dialer], remote: Remote, clock: Clock, masking: Masking) -> None:
        self._places = dict(places)
        self._remote = remote
        self._clock = clock
        self._masking = masking

    def probe(self, check: Check, run: Run) -> CheckResult:
        """Look from every origin at once until each is decided (lifecycle/deciding.py says when); passes when all pass.

        Raises BadCheck for a check that cannot be looked at, Cancelled within half a second of the request.
        """
        mask = self._masking(list(sensitive_parts(check.spec)))
        lookers = self._lookers(check, mask)
        decisions = _all_at_once({name: self._decider(check, run, name, look, mask) for name, look in lookers.items()})
        return _placed(check, concluded(check, decisions))

    def _lookers(self, check: Check, mask: Mask) -> dict[str, Looker]:
        """One for each origin, by the origin's name."""
        spec, origins = read_spec(check), check.origins
        if not origins:
            raise BadCheck(f"check '{check.name}' looks from hosts, and none match", hint="look at its host selector")
        return {name: self._looker(spec, self._dialer(check, name, host), host, mask) for name, host in origins.items()}

    def _dialer(self, check: Check, origin: str, host: Host | None) -> Dialer:
        if host is not None:
            return ThroughHost(self._remote, host)
        if origin not in self._places:
            known = ", ".join([*self._places, "hosts"])
            raise BadCheck(f"check '{check.name}': cannot look from '{origin}' here; known are {known}")
        return self._places[origin]

    def _looker(self, spec: Spec, dialer: Dialer, host: Host | None, mask: Mask) -> Looker:
        match spec:
            case HttpSpec():
                return lambda budget: http.look(spec, dialer, budget, mask)
            case TcpSpec():
                return lambda budget: tcp.look(spec, dialer, budget)
            case TlsSpec():
                return lambda budget: tls.look(spec, dialer, budget, self._clock)
            case SqlSpec():
                return lambda budget: sql.look(spec, dialer, budget, mask)
            case CommandSpec():
                return lambda budget: command.look_command(spec, self._on_host(host), budget, mask)
            case ServiceSpec():
                become = host is not None and host.connection.become and host.connection.user != "root"
                return lambda budget: command.look_service(spec, self._on_host(host), budget, become=become)

    def _on_host(self, host: Host | None) -> command.OnHost:
        assert host is not None, "commands and services have hosts: _lookers sees to it"
        return lambda script, budget, become: self._remote.run(host, script, budget, become=become)

    def _decider(self, check: Check, run: Run, origin: str, looker: Looker, mask: Mask) -> Callable[[], Decision]:
        def attempt(seconds: float) -> tuple[Attempt, Mapping[str, Any]]:
            at, begun = self._clock.now(), self._clock.monotonic()
            look = look_once(looker, seconds, run.cancel)
            detail, took = mask(look.detail), round(self._clock.monotonic() - begun, 4)
            run.say(
                "check.attempt",
                f"{check.name} from {origin}: {detail}",
                check=check.name,
                origin=origin,
                passed=look.passed,
                detail=detail,
                seconds=took,
            )
            return Attempt(at, origin, look.passed, detail, took), _masked(look.facts, mask)

        return lambda: until_decided(
            check.thresholds, attempt, clock=self._clock, sleep=run.cancel.wait, patience=run.deadline
        )


def _placed(check: Check, result: CheckResult) -> CheckResult:
    """A failure's summary begins with where it was seen from. From several places, it names them already."""
    if result.passed or len(check.origins) > 1:
        return result
    origin = next(iter(check.origins))
    where = origin if check.kind in ON_HOSTS else f"from {origin}"
    return replace(result, summary=f"{where}: {result.summary}")


def _all_at_once(deciders: Mapping[str, Callable[[], Decision]]) -> dict[str, Decision]:
    """Every decider in a thread of its own. What one of them raises is raised here once all have ended."""
    if len(deciders) == 1:
        return {name: decide() for name, decide in deciders.items()}
    decisions: dict[str, Decision] = {}
    errors: list[BaseException] = []

    def work(name: str, decide: Callable[[], Decision]) -> None:
        try:
            decisions[name] = decide()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=item, name="probe-origin", daemon=True) for item in deciders.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {name: decisions[name] for name in deciders}


def _masked(facts: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    return {key: mask(value) if isinstance(value, str) else value for key, value in facts.items()}
