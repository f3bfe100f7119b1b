"""Runs a playbook on hosts, and again on those that were only cut off: a connection that broke says nothing about the task.

Configuration is idempotent, so doing it twice is safe. A failed task is not tried again: it has a reason of its own.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus
from lifecycle.errors import BatonError, Trouble
from lifecycle.events import Level
from lifecycle.inventory import Host
from lifecycle.ports import Cancelled, Ports, Run

AGAIN: Final = 2
"""How often hosts that were cut off are configured once more."""
PATIENCE: Final = timedelta(seconds=60)
"""How long a host that was cut off may take until it can be entered again."""

Patience = Callable[[Host], timedelta]
"""How long a host may take at its first entrance: a longer time than that it is not given here either."""


def played(configuration: Configuration, ports: Ports, run: Run, patience: Patience) -> Configured:
    """How every host came out, in the order in which they were given."""
    until = time.monotonic() + configuration.deadline.total_seconds()
    configured = ports.configurator.configure(configuration, run)
    for delay in ports.backoff.delays[:AGAIN]:
        chosen = cut_off(configuration.hosts, configured)
        if not chosen:
            break
        names = ", ".join(host.name for host in chosen)
        words = f"{names}: the connection broke; configured again in {delay:g} s, once ready"
        trouble = Trouble.UNREACHABLE.value
        run.say("step.retried", words, level=Level.WARNING, seconds=delay, trouble=trouble)
        if run.cancel.wait(delay):
            break
        away = _away(chosen, ports, run, patience)
        back = tuple(host for host in chosen if host.id not in away)
        left = timedelta(seconds=until - time.monotonic())
        if back and left > timedelta(0):
            again = ports.configurator.configure(replace(configuration, hosts=back, deadline=left), run)
            configured = _merged(configuration.hosts, configured, back, again)
        if away:
            return _with_reasons(configuration.hosts, configured, away)
    return configured


def cut_off(hosts: Sequence[Host], configured: Configured) -> tuple[Host, ...]:
    """Hosts to configure again: the unreachable ones, and those that only did not have their turn because of them.

    None where a task failed anywhere: then those behind it have been stopped on purpose.
    """
    results = configured.hosts
    if not configured.complete or len(results) != len(hosts) or any(r.failed for r in results):
        return ()
    if not any(r.status is HostStatus.UNREACHABLE for r in results):
        return ()
    return tuple(host for host, result in zip(hosts, results, strict=True) if not result.status.good)


def _away(hosts: Sequence[Host], ports: Ports, run: Run, patience: Patience) -> Mapping[str, str]:
    """Host id → why it cannot be entered again. What a broken connection left running there (a package manager) is waited for."""

    def look(host: Host) -> str:
        longest = min(PATIENCE, patience(host), run.deadline)
        try:
            ports.hosts.await_ready(host, Run(run.say, run.cancel, longest))
        except Cancelled:
            raise
        except BatonError as error:
            return error.message
        return ""

    with ThreadPoolExecutor(max_workers=16) as pool:
        reasons = pool.map(look, hosts)
        return {host.id: reason for host, reason in zip(hosts, reasons, strict=True) if reason}


def _merged(hosts: Sequence[Host], first: Configured, back: Sequence[Host], again: Configured) -> Configured:
    """The results of all, with the later ones of those that were configured again."""
    if len(again.hosts) != len(back):
        return replace(again, complete=False)
    later = {host.id: result for host, result in zip(back, again.hosts, strict=True)}
    results = (later.get(host.id, result) for host, result in zip(hosts, first.hosts, strict=True))
    return Configured(tuple(results), again.complete, again.message)


def _with_reasons(hosts: Sequence[Host], configured: Configured, away: Mapping[str, str]) -> Configured:
    def told(host: Host, result: HostResult) -> HostResult:
        reason = away.get(host.id)
        return replace(result, message=f"{result.message}; it did not come back: {reason}") if reason else result

    return replace(configured, hosts=tuple(map(told, hosts, configured.hosts)))
