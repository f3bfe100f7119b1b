"""Desired, journal and observed looked at together: what is known, who is where, what is done. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lifecycle.blueprint.references import Kind as Root
from lifecycle.blueprint.references import Reference, ReferenceUnresolved, resolve
from lifecycle.departures import Departure
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, Goal, StackTarget
from lifecycle.digest import digest
from lifecycle.errors import BatonError, ExitCode
from lifecycle.inventory import Host, Selector
from lifecycle.journal import Journal, Kind
from lifecycle.observed import Observed
from lifecycle.plan import Plan
from lifecycle.ssh_options import entered_by, jump_address

T = TypeVar("T")
_VARIABLES, _DIGEST = "variables", "digest"


class NotKnownYet(ReferenceUnresolved):
    """An output is referenced that is known only after an apply."""


class MissingOutput(ReferenceUnresolved):
    """An output is referenced that its stack does not have."""


class JumpUnclear(BatonError):
    """A connection selects no jump host, or more than one."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class View:
    """Desired, journal and observed looked at together. Every method is a question; none changes anything.

    What takes long to answer and is asked many times is answered once per view: nothing in a view ever changes.
    """

    desired: Desired
    journal: Journal
    observed: Observed
    _answers: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def _once(self, question: tuple[str, ...], answer: Callable[[], T]) -> T:
        if question not in self._answers:
            self._answers[question] = answer()
        known: T = self._answers[question]
        return known

    def later(self, journal: Journal, observed: Observed) -> "View":
        """The view of a later moment of the same run; digests whose grounds are the same are not computed again."""
        view, before = View(self.desired, journal, observed), self.observed
        if (
            observed.settled is before.settled
            and observed.ready is before.ready
            and observed.plans is before.plans
            and observed.standing is before.standing
        ):
            lasting = {q: a for q, a in self._answers.items() if q[0] in (_VARIABLES, _DIGEST)}
            view._answers.update(lasting)
        return view

    # --- references

    def resolve(self, template: Any) -> Any:
        """The template's value. Raises NotKnownYet while an output that it names is not known, else ReferenceUnresolved."""
        return resolve(template, self._look_up)

    def _look_up(self, reference: Reference) -> Any:
        match reference.kind:
            case Root.INPUT:
                known = self.desired.inputs
            case Root.ENVIRONMENT:
                known = self.desired.facts
            case Root.OUTPUT:
                return self._output(reference)
        if reference.name not in known:  # on the way down, where nobody has to give it any more
            raise ReferenceUnresolved(f"${{{reference}}} has no value")
        return known[reference.name]

    def _output(self, reference: Reference) -> Any:
        settled = self.observed.settled.get(reference.name)
        if settled is None:
            raise NotKnownYet(f"${{{reference}}} is not known before stack {reference.name} is applied")
        if reference.output not in settled.outputs:
            raise MissingOutput(
                f"${{{reference}}}: stack {reference.name} has no output '{reference.output}'",
                hint=f"its outputs are: {', '.join(sorted(settled.outputs)) or 'none'}",
            )
        return settled.outputs[reference.output].guarded

    def foreseen(self, template: Any) -> Any:
        """The template's value as the plans in hand foresee it. Raises NotKnownYet where they cannot say it, ReferenceUnresolved."""
        return resolve(template, self._look_ahead)

    def _look_ahead(self, reference: Reference) -> Any:
        plan = self.observed.plans.get(reference.name) or self.observed.predicted.get(reference.name)
        ahead = reference.kind is Root.OUTPUT and reference.name not in self.observed.settled
        if ahead and plan and reference.output in plan.outputs:
            return plan.outputs[reference.output].guarded
        return self._look_up(reference)

    def inputs_of(self, stack: StackTarget) -> tuple[Mapping[str, Any], frozenset[str]]:
        """A stack's variables as far as they can be foreseen, and the names of those that cannot. Raises ReferenceUnresolved."""
        known, unknown = dict[str, Any](), set[str]()
        for name, template in stack.variables.items():
            try:
                known[name] = self.foreseen(template)
            except NotKnownYet:
                unknown.add(name)
        return known, frozenset(unknown)

    def resolvable(self, template: Any) -> Any:
        """The template's value, or None where it cannot be had: the step that needs it then says why, by failing."""
        try:
            return self.resolve(template)
        except ReferenceUnresolved:
            return None

    # --- hosts

    @property
    def ready_hosts(self) -> Mapping[str, Host]:
        """Every host that is ready and trusted, by id, with its connection as it is used."""
        return {i: self.reached(r.host) for i, r in self.observed.ready.items()}

    def reached(self, host: Host) -> Host:
        """The host with the references in its connection resolved, where they can be already."""
        way = host.connection
        address = host.outside_address if host.is_own_jump else way.address
        over = self.observed.jump(host)
        resolved = self.resolvable([way.user, entered_by(over) if over else way.jump])
        if resolved is None or (way.through and not over and not host.is_own_jump):
            # before its stack has settled, or its jump was seen: the way that led to it in an earlier run
            earlier = self.observed.standing.get(host.id)
            return replace(host, connection=earlier.connection if earlier else replace(way, through=None))
        user, jump = (str(part) for part in resolved)
        if (address, user, jump, None) == (way.address, way.user, way.jump, way.through):
            return host
        return replace(host, connection=replace(way, address=address, user=user, jump=jump, through=None))

    def way_open(self, host: Host) -> bool:
        """Whether a host may be waited for: its jump is ready, or it needs none, or it can no longer be said which one."""
        through, jump = host.connection.through, self.observed.jump(host)
        if jump:
            return jump.id in self.observed.ready
        return through is None or host.is_own_jump or self.final(through)

    def unclear_way(self, host: Host) -> JumpUnclear | None:
        """What is wrong with the jump that a host's connection selects, once every stack that could hold it has settled."""
        through, jumps = host.connection.through, self.observed.jumps(host)
        if through is None or host.is_own_jump or len(jumps) == 1 or not self.final(through):
            return None
        many = f"{len(jumps)} hosts match it: {', '.join(sorted(h.name for h in jumps))}"
        return JumpUnclear(
            f"{host.name} is reached through the jump host of {through}, but {many if jumps else 'no host matches it'}",
            hint=f"let `connection.jump` of stack {host.stack} select exactly one host (stack, group, tags)",
        )

    def wanted(self, host: Host) -> bool:
        """Whether a part of the blueprint is about this host, or the way to others leads over it."""
        return any(s.matches(host) for s in self.desired.selectors) or self._is_jump(host)

    def _is_jump(self, host: Host) -> bool:
        if any(s.defaults.through and s.defaults.through.matches(host) for s in self.desired.stacks.values()):
            return True
        jumps = {s.defaults.jump for s in self.desired.stacks.values()} - {""}
        known = (self.resolvable(jump) for jump in jumps)
        addresses = {host.connection.address, *map(str, host.facts.values())}
        return any(jump_address(str(jump)) in addresses for jump in known if jump)

    def doomed(self, host: Host) -> bool:
        """Whether the plan in hand destroys this host: it must not be configured on its way out."""
        return self.observed.doomed(host)

    def matching(self, selector: Selector) -> tuple[Host, ...]:
        """Hosts seen so far that a selector matches, by name."""
        hosts = (h for h in self.observed.hosts.values() if selector.matches(h) and not self.doomed(h))
        return tuple(sorted(hosts, key=lambda h: (h.name, h.id)))

    def final(self, selector: Selector) -> bool:
        """Whether every stack that could hold a matching host has had its last word."""
        stacks = [selector.stack] if selector.stack else list(self.desired.stacks)
        return all(s in self.observed.settled for s in stacks)

    def variables(self, target: ConfigureTarget) -> Mapping[str, Any] | None:
        """A configure step's variables, or None where they cannot be had."""
        known: Mapping[str, Any] | None = self._once(
            (_VARIABLES, target.name), lambda: self.resolvable(target.variables)
        )
        return known

    def to_rehearse(self, target: ConfigureTarget) -> tuple[tuple[str, str], ...]:
        """(host id, digest) of every host that stands and would be configured again by this step, as far as that is known."""
        return self._once(("rehearse", target.name), lambda: self._to_rehearse(target))

    def _to_rehearse(self, target: ConfigureTarget) -> tuple[tuple[str, str], ...]:
        hosts = ((h, self.expected_digest(target, h)) for h in self.matching(target.selector))
        return tuple((h.id, d) for h, d in hosts if d and not self.journal.configured(target.name, h.id, d))

    def configuration_digest(self, target: ConfigureTarget, host_id: str) -> str:
        """What decides a host's configuration under a step: its identity, how it is entered, and what is run there."""
        return self._once((_DIGEST, target.name, host_id), lambda: self._configuration_digest(target, host_id))

    def _configuration_digest(self, target: ConfigureTarget, host_id: str) -> str:
        return self._digest_on(target, self.reached(self.observed.ready[host_id].host), self.variables(target))

    def expected_digest(self, target: ConfigureTarget, host: Host) -> str | None:
        """The same for a host that may not have been entered in this run; None where the step's variables cannot be foreseen."""
        try:
            return self._digest_on(target, self.reached(host), self.foreseen(target.variables))
        except ReferenceUnresolved:
            return None

    def _digest_on(self, target: ConfigureTarget, host: Host, variables: Mapping[str, Any] | None) -> str:
        become = host.connection.become if target.become is None else target.become
        entered = [host.identity, host.connection.user, become]
        return digest([target.fingerprint, variables, entered], self.desired.key)

    def batch(self, target: ConfigureTarget, taken: set[str]) -> tuple[tuple[str, str], ...]:
        """(host id, digest) of every host that this step may and must configure now."""
        if not self._may_configure(target):
            return ()
        hosts = [h for h in self.matching(target.selector) if h.id in self.observed.ready]
        todo = [
            (h.id, self.configuration_digest(target, h.id))
            for h in hosts
            if h.id not in taken and not self.observed.failed(Kind.CONFIGURE, f"{target.name}@{h.id}")
        ]
        if self.variables(target) is not None:
            todo = [(i, d) for i, d in todo if not self.journal.configured(target.name, i, d)]
        return tuple(todo[: self._room(target)])

    def _room(self, target: ConfigureTarget) -> int | None:
        """How many more hosts `serial` lets in now; None is no limit. One failed host stops those behind it."""
        if not target.serial:
            return None
        if any(k.startswith(f"{Kind.CONFIGURE}:{target.name}@") for k in self.observed.failures):
            return 0
        if isinstance(target.serial, str) and not self.final(target.selector):
            return 0
        total = len(self.matching(target.selector))
        limit = target.serial if isinstance(target.serial, int) else total * int(target.serial.rstrip("%")) // 100
        busy = sum(
            len(s.hosts) for s in self.observed.in_flight if s.kind is Kind.CONFIGURE and s.subject == target.name
        )
        return max(0, max(1, limit) - busy)

    def _may_configure(self, target: ConfigureTarget) -> bool:
        return self._once(("may configure", target.name), lambda: self._gates_are_open(target))

    def _gates_are_open(self, target: ConfigureTarget) -> bool:
        return (
            self.admits_configuration
            and target.stacks <= self.observed.settled.keys()
            and all(self.step_complete(s) for s in target.steps)
            and all(self.check_passed(c) for c in target.checks)
            and not self._told_of_departures(target)
        )

    def may_check(self, target: CheckTarget) -> bool:
        if not (
            target.stacks <= self.observed.settled.keys()
            and all(self.step_complete(s) for s in target.steps)
            and all(self.check_passed(c) for c in target.checks)
        ):
            return False
        if target.selector is None:
            return True
        hosts = self.matching(target.selector)
        return self.final(target.selector) and bool(hosts) and all(h.id in self.observed.ready for h in hosts)

    # --- who leaves

    def departures(self, stack: str) -> Iterator[Departure]:
        """For every configure step that wants to be told: which hosts the plan in hand takes away from it."""
        plan = self.observed.plans.get(stack)
        if plan is None or stack in self.observed.settled or self.desired.goal is Goal.DOWN:
            return
        doomed = [h for i, h in self.observed.standing.items() if h.stack == stack and i in plan.doomed_ids]
        for target in self.desired.configure.values():
            leaving = [h for h in doomed if target.drain and target.drain.selector.matches(h)]
            if leaving:
                yield Departure(target, stack, tuple(sorted(leaving, key=lambda h: (h.name, h.id))))

    def drainers(self, departure: Departure) -> tuple[Host, ...]:
        """The hosts that must be told of a departure, as far as they are known to stand: by their stack, or by a look."""
        selector, known = departure.target.selector, self.observed.hosts
        standing = (h for i, h in self.observed.standing.items() if i in known and selector.matches(h))
        return tuple(sorted((h for h in standing if not self.doomed(h)), key=lambda h: (h.name, h.id)))

    def unlooked(self, departure: Departure) -> frozenset[str]:
        """Stacks in which a look must say whether the hosts of earlier runs, which must be told, still stand."""
        selector = departure.target.selector
        stacks = {h.stack for h in self.observed.standing.values() if selector.matches(h) and not self.doomed(h)}
        return frozenset(stacks - self.observed.settled.keys() - self.observed.looked)

    def may_leave(self, departure: Departure) -> bool:
        """Whether everybody who must be told has been, or nobody is left to tell."""
        if departure.digest in self.observed.drained:
            return True
        if self.unlooked(departure):
            return False
        drainers = self.drainers(departure)
        in_vain = self.observed.failed(Kind.DRAIN, departure.target.name) or any(
            self.observed.failed(Kind.AWAIT, h.id) for h in drainers
        )
        return not drainers or (in_vain and not departure.required)

    @property
    def all_departures(self) -> tuple[Departure, ...]:
        """The departures of every plan in hand."""
        return self._once(("departures",), lambda: tuple(d for s in self.observed.plans for d in self.departures(s)))

    def _told_of_departures(self, target: ConfigureTarget) -> bool:
        """Whether hosts of this step were told of a departure that is not over: it must not be taken back before."""
        return any(d.target.name == target.name for d in self.all_departures)

    # --- what is done

    @property
    def orphans(self) -> tuple[str, ...]:
        """Stacks of earlier runs that the blueprint no longer has: nobody can plan them, so nobody says they are gone."""
        return tuple(sorted(self.journal.standing - self.desired.stacks.keys()))

    def check_passed(self, name: str) -> bool:
        result = self.observed.checks.get(name)
        return result is not None and result.passed

    def step_complete(self, name: str) -> bool:
        """Whether a configure step is done: its hosts are all known, and each has a success under today's digest."""
        return self._once(("complete", name), lambda: self._step_complete(self.desired.configure[name]))

    def _step_complete(self, target: ConfigureTarget) -> bool:
        if not self._may_configure(target) or not self.final(target.selector):
            return False
        return self.variables(target) is not None and all(
            h.id in self.observed.ready
            and self.journal.configured(target.name, h.id, self.configuration_digest(target, h.id))
            for h in self.matching(target.selector)
        )

    @property
    def complete(self) -> bool:
        """Whether the goal is reached: on the way up everything stands and every check passed; down, nothing is left."""
        match self.desired.goal:
            case Goal.PLAN:
                return not self.observed.failures and self.observed.reviewed is not None
            case Goal.UP:
                return (
                    self.desired.stacks.keys() <= self.observed.settled.keys()
                    and not self.undecided
                    and not self.overruled
                    and all(self.step_complete(n) for n in self.desired.configure)
                    and all(self.check_passed(n) for n in self.desired.checks)
                )
            case Goal.DOWN:
                return self.observed.proof is not None and self.observed.proof.certificate is not None

    def may_plan(self, stack: StackTarget) -> bool:
        """Whether a plan of this stack can be applied: everything that it is given has its last word."""
        return stack.needs <= self.observed.settled.keys()

    def may_predict(self, stack: StackTarget) -> bool:
        """Whether a stack that cannot be planned yet can be looked ahead to, and somebody wants to see it."""
        if self.may_plan(stack) or not self.reviewing or self.observed.reviewed is not None:
            return False
        return stack.needs <= self.observed.plans.keys() | self.observed.predicted.keys()

    # --- what is agreed to

    @property
    def reviewing(self) -> bool:
        """Whether there is a review in this run."""
        return self.desired.goal is Goal.PLAN or (self.desired.goal is Goal.UP and self.desired.governance is not None)

    @property
    def unreviewed(self) -> frozenset[str]:
        """Digests of plans in hand that no review has let through."""
        plans = frozenset(
            p.digest for n, p in self.observed.plans.items() if p.applyable and n not in self.observed.settled
        )
        reviewed = self.observed.reviewed
        return plans - reviewed.plans if reviewed else plans

    def admitted(self, plan: Plan) -> bool:
        """Whether a plan may be applied."""
        return not self.reviewing or plan.digest not in self.unreviewed

    @property
    def undecided(self) -> frozenset[str]:
        """Stacks that were applied in this run while a rule could not tell yet, and were not judged since."""
        return self._once(("undecided",), self._undecided)

    def _undecided(self) -> frozenset[str]:
        seen, reviewed = self.observed, self.observed.reviewed
        if not self.reviewing or reviewed is None or self.desired.goal is not Goal.UP:
            return frozenset()
        asked = {finding.stack for finding in reviewed.preview.undecided}
        applied = {n for n, plan in seen.plans.items() if n in seen.settled and plan.applyable and n not in seen.known}
        everywhere = "" in asked  # about no stack of its own: any may decide it
        return frozenset(
            n for n in applied if n in asked or (everywhere and any(c.unknown for c in seen.plans[n].changes))
        )

    @property
    def overruled(self) -> bool:
        """Whether something that was made is not as the policy wants it: nothing more is made."""
        judged = (o for key, o in self.observed.failures.items() if key.startswith(f"{Kind.JUDGE}:"))
        return any(o.exit_code is ExitCode.POLICY_DENIED for o in judged)

    @property
    def refused(self) -> bool:
        """Whether a review said no, and nothing was done in this run."""
        reviewed = self.observed.reviewed
        return reviewed is not None and reviewed.refused and not reviewed.plans

    @property
    def asks(self) -> bool:
        """Whether this run ends with a question that an approver can answer."""
        reviewed = self.observed.reviewed
        if reviewed is None or not reviewed.refused or reviewed.review is None or reviewed.preview.denied:
            return False
        return reviewed.review.rejection is None

    @property
    def admits_configuration(self) -> bool:
        """Whether playbooks may run."""
        reviewed = self.observed.reviewed
        return not self.reviewing or (reviewed is not None and not reviewed.refused)

    def stack_digest(self, stack: StackTarget) -> str:
        return digest([stack.fingerprint, self.resolvable(stack.variables), self.desired.tags], self.desired.key)
