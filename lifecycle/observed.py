"""What is: everything that this run has seen so far, as one immutable value."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lifecycle.approval import Review
from lifecycle.certificate import Certificate, Look
from lifecycle.configuration import HostResult
from lifecycle.digest import digest
from lifecycle.inventory import Host, Ready
from lifecycle.journal import Kind, Outcome, Status, Step
from lifecycle.plan import Outputs, Plan
from lifecycle.preview import Preview
from lifecycle.verification import CheckResult


@dataclass(frozen=True, slots=True)
class Settled:
    """A stack that stands as planned: its outputs and the hosts that they name. The result of an apply."""

    outputs: Outputs = field(default_factory=dict)
    hosts: tuple[Host, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """The result of a plan step; `settled` where there was nothing to do."""

    plan: Plan
    settled: Settled | None = None


def sensitive_outputs(result: object) -> Iterator[object]:
    """The secrets among the outputs that a plan or an apply brought."""
    settled = result.settled if isinstance(result, Planned) else result
    if isinstance(settled, Settled):
        yield from (o.value for o in settled.outputs.values() if o.sensitive)


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of looking for what a teardown left; with a certificate where that is nothing."""

    looks: tuple[Look, ...] = ()
    not_provable: tuple[str, ...] = ()
    certificate: Certificate | None = None

    @property
    def left(self) -> tuple[str, ...]:
        return tuple(words for look in self.looks for words in look.found)

    @property
    def looked_at(self) -> tuple[str, ...]:
        return tuple(look.place for look in self.looks)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The result of a configure step that was only looked at: host id → what would change there."""

    hosts: Mapping[str, HostResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The result of a review: what it saw, and which plans may be applied."""

    preview: Preview
    words: str = ""  # why it may, or may not, be carried out
    plans: frozenset[str] = frozenset()  # digests
    review: Review | None = None  # what the store remembers of it, where somebody was or is asked
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of judging what an apply made: its plan, in which nothing is unknown any more."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Observed:
    """Seen in this run. Nothing in it is taken from an earlier run but `standing`: the inventory that it left, and its pins."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    predicted: Mapping[str, Plan] = field(default_factory=dict)  # of stacks whose inputs are not settled: never applied
    rehearsed: Mapping[str, Rehearsed] = field(default_factory=dict)  # by configure step
    reviewed: Reviewed | None = None
    known: Mapping[str, Plan] = field(
        default_factory=dict
    )  # of stacks judged after their apply: the values that it made
    settled: Mapping[str, Settled] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)  # id → host, seen by tag or named by outputs
    ready: Mapping[str, Ready] = field(default_factory=dict)  # id → ready and trusted
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()  # stacks with an empty state
    proof: Proof | None = None
    failures: Mapping[str, Outcome] = field(default_factory=dict)  # kind:subject → how it failed in this run
    in_flight: frozenset[Step] = frozenset()
    standing: Mapping[str, Host] = field(default_factory=dict)  # id → host, as earlier runs knew it
    looked: frozenset[str] = frozenset()  # stacks whose hosts were looked for by tag
    drained: frozenset[str] = frozenset()  # digests of departures that everybody was told of

    # --- questions

    def busy(self, kind: Kind, subject: str) -> bool:
        return any(s.kind is kind and s.subject == subject for s in self.in_flight)

    def failed(self, kind: Kind, subject: str) -> bool:
        return f"{kind}:{subject}" in self.failures

    def done_or_doing(self, kind: Kind, subject: str) -> bool:
        return self.busy(kind, subject) or self.failed(kind, subject)

    def superseded(self, waiting: Step) -> bool:
        """Whether a host is not what it was when this `await` began: dropped by its stack, or reached in another way."""
        host = self.hosts.get(waiting.subject)
        return host is None or self.entrance(host) != waiting.input_digest

    def doomed(self, host: Host) -> bool:
        """Whether the plan in hand destroys this host: it must not be configured on its way out."""
        plan = self.plans.get(host.stack)
        return host.stack not in self.settled and plan is not None and host.id in plan.doomed_ids

    def jumps(self, host: Host) -> tuple[Host, ...]:
        """The hosts seen so far that this host's connection may mean by its jump: one, where all is well."""
        through = host.connection.through
        if through is None or through.matches(host):  # the jump itself is entered directly
            return ()
        return tuple(h for h in self.hosts.values() if through.matches(h) and not self.doomed(h))

    def jump(self, host: Host) -> Host | None:
        """The host that this one is reached through; None where it is reached in another way, or that is not clear yet."""
        jumps = self.jumps(host)
        return jumps[0] if len(jumps) == 1 else None

    def entrance(self, host: Host) -> str:
        """Digest of how a host is reached and trusted, the way over its jump included."""
        jump = self.jump(host)
        return digest([host.entrance, jump.entrance]) if jump else host.entrance

    @property
    def hosts_in_work(self) -> frozenset[str]:
        """Ids of hosts that a playbook works on now."""
        return frozenset(i for s in self.in_flight for i, _ in s.hosts)

    # --- changes

    def started(self, step: Step) -> "Observed":
        return replace(self, in_flight=self.in_flight | {step})

    def ended(self, outcome: Outcome) -> "Observed":
        """The value after a step has ended. Pure; the order in which steps end does not change where it leads."""
        step = outcome.step
        seen = replace(self, in_flight=self.in_flight - {step})
        if step.kind is Kind.CONFIGURE:
            return seen._with_bad_hosts(outcome)
        if step.kind is Kind.AWAIT and seen.superseded(step):
            return seen
        failures = {k: v for k, v in seen.failures.items() if k != f"{step.kind}:{step.subject}"}
        if outcome.status is not Status.OK:
            failures[f"{step.kind}:{step.subject}"] = outcome
        elif step.kind is Kind.DRAIN:
            seen = replace(seen, drained=seen.drained | {step.input_digest})
        return replace(seen, failures=failures)._with_result(outcome)

    def _with_bad_hosts(self, outcome: Outcome) -> "Observed":
        bad = {
            f"{Kind.CONFIGURE}:{outcome.step.subject}@{host_id}": outcome
            for host_id, _ in outcome.step.hosts
            if host_id not in outcome.good_hosts and host_id in self.hosts
        }
        return replace(self, failures={**self.failures, **bad})

    def _with_result(self, outcome: Outcome) -> "Observed":
        subject = outcome.step.subject
        match outcome.result:
            case Planned(plan=plan) if outcome.step.kind is Kind.PREDICT:
                return replace(self, predicted={**self.predicted, subject: plan})
            case Planned(plan=plan, settled=settled):
                seen = replace(self, plans={**self.plans, subject: plan})
                if settled:
                    return seen._with_settled(subject, settled)
                return seen if plan.applyable or not plan.destroy else replace(seen, gone=seen.gone | {subject})
            case Settled() as settled if outcome.step.kind is Kind.APPLY:
                return self._with_settled(subject, settled)
            case Settled():  # destroyed
                return replace(self, gone=self.gone | {subject})
            case Ready() as ready:
                return replace(self, ready={**self.ready, subject: ready.known_as(self.hosts[subject])})
            case CheckResult() as result:
                return replace(self, checks={**self.checks, subject: result})
            case Rehearsed() as rehearsed:
                return replace(self, rehearsed={**self.rehearsed, subject: rehearsed})
            case Reviewed() as reviewed:
                return replace(self, reviewed=reviewed)
            case Judged(plan=plan):
                return replace(self, known={**self.known, subject: plan})
            case Proof() as proof:
                return replace(self, proof=proof)
            case tuple() as hosts if outcome.step.kind is Kind.DISCOVER:
                return self._with_discovered(subject, hosts)
            case _:
                return self

    def _with_discovered(self, stack: str, hosts: Iterable[Host]) -> "Observed":
        """Hosts seen by tag. They add to what is known and never overrule what outputs have said, in this run or before."""
        if stack in self.settled:
            return self
        seen = {h.id: self._pin(self._as_known(h)) for h in hosts if h.id not in self.hosts}
        known = replace(self, looked=self.looked | {stack})
        return replace(known, hosts={**self.hosts, **seen})._after(self) if seen else known

    def _as_known(self, host: Host) -> Host:
        """A host seen by tag, under the name and in the groups that its stack gave it in an earlier run."""
        known = self.standing.get(host.id)
        return replace(host, name=known.name, groups=known.groups) if known else host

    def _with_settled(self, stack: str, settled: Settled) -> "Observed":
        """A stack's final word on its hosts: those that it no longer names are forgotten, with their failures; those that
        are reached or trusted in another way than was seen by tag must be waited for again."""
        named = {h.id: self._pin(h) for h in settled.hosts}
        others = {i: h for i, h in self.hosts.items() if h.stack != stack}
        ready = {i: r.known_as(named[i]) if i in named else r for i, r in self.ready.items()}
        settled_stacks = {**self.settled, stack: settled}
        return replace(self, settled=settled_stacks, hosts={**others, **named}, ready=ready)._after(self)

    def _after(self, before: "Observed") -> "Observed":
        """Without what was found out about hosts that are gone since, or reached or trusted in another way: a key that was
        found stays pinned, and they must be waited for again."""
        dropped = before.hosts.keys() - self.hosts.keys()
        both = before.hosts.keys() & self.hosts.keys()
        changed = {i for i in both if self._enters_anew(before, i)}
        if not dropped | changed:
            return self
        pinned = {i: self.hosts[i].pinned(self.ready[i].host.host_key) for i in changed if i in self.ready}
        return replace(
            self,
            hosts={**self.hosts, **pinned},
            ready={i: r for i, r in self.ready.items() if i not in dropped | changed},
            failures={k: v for k, v in self.failures.items() if not _about(k, dropped | changed)},
        )

    def _enters_anew(self, before: "Observed", host_id: str) -> bool:
        was, now = before.hosts[host_id], self.hosts[host_id]
        old, new = before.jump(was), self.jump(now)
        same_jump = old is new or (old is not None and new is not None and old.entrance == new.entrance)
        return not same_jump or (was is not now and was.entrance != now.entrance)

    def _pin(self, host: Host) -> Host:
        known = self.standing.get(host.id)
        return host.pinned(known.host_key) if known and known.host_key else host


def _about(failure: str, ids: set[str]) -> bool:
    kind, _, subject = failure.partition(":")
    if kind == Kind.AWAIT:
        return subject in ids
    return kind == Kind.CONFIGURE and subject.rpartition("@")[2] in ids
