"""Sentences for people."""

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from lifecycle.asking import open_question
from lifecycle.blueprint.scalars import format_duration
from lifecycle.certificate import Certificate
from lifecycle.desired import Goal
from lifecycle.ends import Kind as EndKind
from lifecycle.ends import ends
from lifecycle.environment import INPUTS, Environment, EnvironmentRef, Phase
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind, Status
from lifecycle.lease import Appointment, Lease
from lifecycle.orphans import Orphans
from lifecycle.perform import Ended
from lifecycle.plan import Action
from lifecycle.ports import Removal
from lifecycle.revision import FROM_STORE, REVISION

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.READ: "<",
    Action.NOOP: " ",
    Action.FORGET: "x",
    Action.IMPORT: "↓",
    Action.MOVE: "→",
}


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says enough: `45s`, `12m`, `3h`, `5d`."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(seconds: float) -> str:
    """`8.2s` or `1m 05s`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    return f"{minutes}m {rest:02d}s"


def summary(ended: Ended) -> str:
    """One line that says how a run ended."""
    environment, view = ended.environment, ended.view
    if view.desired.goal is Goal.PLAN:
        return f"{environment.ref}: {'changes are planned' if ended.changed else 'nothing would change'}"
    if view.desired.goal is Goal.DOWN:
        return f"{environment.ref} is {environment.phase.label}"
    parts = [
        counted(len(view.observed.ready), "host"),
        counted(len(view.desired.configure), "configure step"),
        f"{counted(len(view.observed.checks), 'check')} passed",
    ]
    done = "changed" if ended.changed else "nothing to do"
    return f"{environment.ref} is {environment.phase.label} ({done}): {', '.join(parts)}"


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def proof_text(ended: Ended) -> Iterator[str]:
    """What a teardown looked at, and what cannot be proven."""
    yield f"{ended.environment.ref} is {ended.environment.phase.label}"
    proof = ended.view.observed.proof
    if proof is None:
        return
    yield from (f"  looked at: {place}" for place in proof.looked_at)
    if proof.not_provable:
        yield f"  not provable by tag: {counted(len(proof.not_provable), 'kind')} of thing (the certificate names them)"
    if proof.certificate:
        ref, run = ended.environment.ref, proof.certificate.run
        yield f"  certificate {proof.certificate.digest}: baton certificate {ref} {run}"


def certificate_text(certificate: Certificate) -> Iterator[str]:
    """A certificate for people."""
    place = f" in the cloud '{certificate.cloud}'" if certificate.cloud else ""
    yield f"{certificate.environment} is destroyed: run {certificate.run}{place} left nothing"
    yield f"  issued {certificate.issued_at:%Y-%m-%d %H:%M:%S} UTC by {certificate.issued_by}, Baton {certificate.version}"
    yield "looked at, and found nothing:"
    yield from (f"  {look.place}" for look in certificate.looks)
    yield "cannot be proven:"
    yield from (f"  {words}" for words in certificate.not_provable)
    yield f"digest {certificate.digest}, in the ledger after entry {certificate.ledger[0]}"


def left_text(left: Sequence[str]) -> Iterator[str]:
    """What a teardown left."""
    yield f"{counted(len(left), 'thing')} left behind:"
    yield from (f"  {words}" for words in left)
    yield "What is left in a cloud is paid for until it is gone; its cost is not known."


def orphans_text(found: Sequence[Orphans]) -> Iterator[str]:
    """What belongs to no environment, by the environment that its tag names."""
    if not found:
        yield "nothing in the cloud carries Baton's tag and belongs to no environment"
        return
    for one in found:
        yield f"{one.ref} ({one.why}):"
        yield from (f"  {r.type} {r.id}" for r in one.resources)
    yield "Environments that another store knows look the same: be sure that these are nobody's."


def removal_text(ref: EnvironmentRef, removal: Removal) -> Iterator[str]:
    """What came of removing an environment's orphans."""
    yield f"{ref}: {len(removal.removed)} removed, {len(removal.left)} left"
    yield from (f"  {name}: {reason}" for name, reason in sorted(removal.left.items()))


def lease_text(environment: Environment, now: datetime) -> Iterator[str]:
    """When an environment is to end: by its lease, by appointment, again and again, or not by itself."""
    lease, appointment = Lease.of(environment.facts), Appointment.of(environment.facts)
    again = [end for end in ends(environment, now) if end.kind is EndKind.RECURRING]
    if lease is not None:
        yield f"lease: {_end(lease.ends, now)}"
    if appointment is not None:
        yield f"appointed: {_end(appointment.at, now)}, by {appointment.by} ({appointment.said})"
    for end in again:
        yield f"recurring: {_end(end.at, now)} ({end.cron} {end.zone})"
    if lease is None and appointment is None and not again:
        yield f"{environment.ref} stands until somebody takes it down"


def _end(at: datetime, now: datetime) -> str:
    if at <= now:
        return f"ended {at:%Y-%m-%d %H:%M} UTC; the next tick takes it down"
    left = timedelta(minutes=(at - now) // timedelta(minutes=1))
    return f"ends {at:%Y-%m-%d %H:%M} UTC, in {format_duration(left)}"


def next_command(environment: Environment) -> str:
    """What to type next, ready to be pasted into a shell: an `up` with the inputs that the last one was given."""
    question = open_question(environment)
    match environment.phase:
        case Phase.READY | Phase.WAITING if question and (question.waiting or environment.phase is Phase.WAITING):
            return f"baton approve {environment.ref} {question.digest[:12]}"
        case Phase.READY:
            return f"baton hosts {environment.ref}"
        case _:
            return go_on_command(environment)


def go_on_command(environment: Environment) -> str:
    """What goes on with the goal that an environment was given last, whether it has reached it or not."""
    match environment.phase:
        case Phase.TEARING_DOWN | Phase.QUARANTINED:
            return f"baton down {environment.ref}"
        case (
            Phase.PLANNING | Phase.PROVISIONING | Phase.CONFIGURING | Phase.VERIFYING | Phase.FAILED | Phase.WAITING
        ) if FROM_STORE in environment.facts:
            return f"baton rollback {environment.ref} {environment.facts[REVISION]}"
        case _:
            given = environment.facts.get(INPUTS, {})
            inputs = [word for name, value in given.items() for word in ("--input", f"{name}={_written(value)}")]
            words = ["baton", "up", environment.blueprint_path, "--env", environment.ref.name, *inputs]
            return shlex.join(words)


def look_command(ref: EnvironmentRef, kind: Kind, subject: str, hosts: Iterable[Host]) -> str:
    """What shows all that was said about a step. `subject` may be a host's id, or have one after an `@`."""
    names = {h.id: h.name for h in hosts}
    return shlex.join(["baton", "logs", str(ref), "--step", f"{kind}:{names.get(subject, subject.partition('@')[0])}"])


def look_again(environment: Environment, journal: Journal, hosts: Iterable[Host]) -> str:
    """The command that shows why the last run failed, for the first step that did; empty where none did."""
    records = (r for r in journal.records.values() if r.run == environment.run and r.status is Status.FAILED)
    first = min(records, key=lambda r: r.finished_at or r.intended_at, default=None)
    return look_command(environment.ref, first.kind, first.subject, hosts) if first else ""


def _written(value: object) -> str:
    """An input's value as `--input` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def passed(checks: Sequence[bool]) -> str:
    """`3/3`."""
    return f"{sum(checks)}/{len(checks)}" if checks else "-"
