"""The journal: what is being done and what is known to be done. The only memory of a lifecycle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifecycle.errors import ExitCode


class Kind(StrEnum):
    """What a step does. The value is the word that people read."""

    PLAN = "plan"
    PREDICT = "predict"
    REHEARSE = "rehearse"
    REVIEW = "review"
    APPLY = "apply"
    JUDGE = "judge"
    DISCOVER = "discover"
    AWAIT = "await"
    DRAIN = "drain"
    CONFIGURE = "configure"
    VERIFY = "verify"
    DESTROY = "destroy"
    PROVE = "prove"

    @property
    def acts(self) -> bool:
        """Whether it changes the world. What only looks needs no intent and may always be repeated."""
        return self in (Kind.APPLY, Kind.DRAIN, Kind.CONFIGURE, Kind.DESTROY)

    @property
    def on_hosts(self) -> bool:
        """Whether it works on a batch of hosts, which are recorded one by one."""
        return self in (Kind.DRAIN, Kind.CONFIGURE, Kind.REHEARSE)


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing to do now.

    `subject` is a stack, a host, a configure step or a check. `input_digest` covers everything that decides the
    outcome. A configure step carries the batch of hosts (identity → digest) that it is to configure together; a drain
    the hosts that are to be told, and which ones leave.
    """

    kind: Kind
    subject: str
    input_digest: str = ""
    hosts: tuple[tuple[str, str], ...] = ()  # (host id, digest of identity + configuration)
    leaving: tuple[str, ...] = ()  # host ids

    @property
    def key(self) -> str:
        """`configure:web` or, for a batch, `configure:web@i-1,i-2`. Unique among the steps in flight."""
        batch = f"@{','.join(i for i, _ in self.hosts)}" if self.hosts else ""
        return f"{self.kind}:{self.subject}{batch}"


class Status(StrEnum):
    """How a step ended."""

    OK = "ok"  # done, or looked and fine
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a step.

    `result` is the port's value (Plan, Applied, Ready, Configured, CheckResult, ...), for this run only; `detail`
    is the JSON that is kept, masked. `hosts` says for a batch which host ids came out well.
    """

    step: Step
    status: Status
    message: str = ""
    hint: str = ""
    result: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    good_hosts: frozenset[str] = frozenset()
    changed: bool = False
    exit_code: ExitCode = ExitCode.FAILED  # of a command that ends because this failed


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal: an intent, and its outcome once there is one.

    A configure batch is recorded host by host: `subject` is then `web@i-1` and the digest is that host's.
    """

    kind: Kind
    subject: str
    input_digest: str
    run: int
    intended_at: datetime
    finished_at: datetime | None = None
    status: Status | None = None
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unknown(self) -> bool:
        """An intent whose outcome nobody wrote: it must be looked at before it is repeated."""
        return self.status is None

    @property
    def succeeded(self) -> bool:
        return self.status is Status.OK


@dataclass(frozen=True, slots=True)
class Journal:
    """The latest record of every (kind, subject). Immutable: `with_record` gives the next one."""

    records: Mapping[tuple[Kind, str], Record] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Journal":
        """From records in order of their writing: the last one of a subject counts."""
        return cls({(r.kind, r.subject): r for r in records})

    def with_records(self, records: Iterable[Record]) -> "Journal":
        return replace(self, records={**self.records, **{(r.kind, r.subject): r for r in records}})

    def get(self, kind: Kind, subject: str) -> Record | None:
        return self.records.get((kind, subject))

    def configured(self, step: str, host_id: str, digest: str) -> bool:
        """Whether a success is the last thing known of this host under this step, with this very digest.

        A drain undoes a part of the configuration: it has to run again afterwards.
        """
        record, drained = (self.get(kind, f"{step}@{host_id}") for kind in (Kind.CONFIGURE, Kind.DRAIN))
        if record is None or not record.succeeded or record.input_digest != digest:
            return False
        return drained is None or (drained.run, drained.intended_at) <= (record.run, record.intended_at)

    @property
    def standing(self) -> frozenset[str]:
        """Stacks that somebody has begun to apply and nobody has destroyed since."""
        applied = {subject: r for (kind, subject), r in self.records.items() if kind is Kind.APPLY}
        destroyed = {subject: r for (kind, subject), r in self.records.items() if kind is Kind.DESTROY and r.succeeded}
        return frozenset(name for name, r in applied.items() if name not in destroyed or destroyed[name].run < r.run)

    @property
    def unknown(self) -> tuple[Record, ...]:
        """Intents without outcome."""
        return tuple(r for r in self.records.values() if r.unknown)


def subjects(step: Step) -> tuple[tuple[str, str], ...]:
    """(journal subject, digest) for every record that a step writes."""
    if step.kind.on_hosts:
        return tuple((f"{step.subject}@{host_id}", digest) for host_id, digest in step.hosts)
    return ((step.subject, step.input_digest),)
