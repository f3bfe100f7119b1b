"""The heart: which steps may run now. Pure; whoever runs a lifecycle asks, runs, records, and asks again.

Five rules hold for every step that is named here:

* looking (plan, discover, await, verify) always happens, once per run; acting (apply, drain, configure, destroy) happens
  only when its digest or what was seen in this run says so;
* a host's existence is seen, not concluded from the end of an apply: `await` and `configure` may run while `apply`
  has an intent and no outcome;
* nothing runs before what it needs, and a step waits for nothing that its own inputs do not name;
* a host that others must be told of is destroyed only after they were told (`drain`);
* where a blueprint asks for a review, nothing acts (nobody is told to leave either) before one has let it through; what it
  could not judge is judged once it is made, and nothing more begins where that is not as it must be.
"""

from collections.abc import Collection, Iterator
from typing import Final

from lifecycle.desired import Desired, Goal
from lifecycle.digest import digest
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind, Step
from lifecycle.observed import Observed
from lifecycle.view import View

LOOKS: Final = frozenset({Kind.PLAN, Kind.PREDICT, Kind.JUDGE})
"""What a review waits for."""


def next_steps(desired: Desired, journal: Journal, observed: Observed) -> tuple[Step, ...]:
    """The steps that may start now, beside those in flight. Empty with nothing in flight: the run is over."""
    return steps_of(View(desired, journal, observed))


def steps_of(view: View) -> tuple[Step, ...]:
    """The same, for who has looked at the three together already."""
    match view.desired.goal:
        case Goal.PLAN:
            return (
                *_plans(view),
                *_predictions(view),
                *_entrances(view),
                *_rehearsals(view),
                *_reviews(view),
            )
        case Goal.UP:
            if view.overruled:
                return ()
            return (
                *_plans(view),
                *_predictions(view),
                *_reviews(view),
                *_drains(view),
                *_applies(view),
                *_judgements(view),
                *_discoveries(view),
                *_awaits(view),
                *_configures(view),
                *_checks(view),
            )
        case Goal.DOWN:
            return (*_destroy_plans(view), *_destroys(view), *_proofs(view))


# --- on the way up


def _plans(view: View) -> Iterator[Step]:
    for stack in view.desired.stacks.values():
        if stack.name in view.observed.plans or view.observed.done_or_doing(Kind.PLAN, stack.name):
            continue
        if view.may_plan(stack):
            yield Step(Kind.PLAN, stack.name, view.stack_digest(stack))


def _predictions(view: View) -> Iterator[Step]:
    """Where somebody wants to see what would become of stacks whose inputs are not settled yet: look ahead."""
    for stack in view.desired.stacks.values():
        known = stack.name in view.observed.predicted or view.observed.done_or_doing(Kind.PREDICT, stack.name)
        if not known and stack.name not in view.observed.plans and view.may_predict(stack):
            yield Step(Kind.PREDICT, stack.name, view.stack_digest(stack))


def _entrances(view: View) -> Iterator[Step]:
    """Before a rehearsal its hosts are entered; the way to them may lead over others."""
    if any(view.to_rehearse(target) for target in view.desired.configure.values()):
        yield from _awaits(view)


def _rehearsals(view: View) -> Iterator[Step]:
    """What a configure step would change on hosts that stand, once all of them were entered, or could not be."""
    taken = set(view.observed.hosts_in_work)
    for target in view.desired.configure.values():
        if target.name in view.observed.rehearsed or view.observed.done_or_doing(Kind.REHEARSE, target.name):
            continue
        wanted = view.to_rehearse(target)
        missing = [i for i, _ in wanted if i not in view.observed.ready and not view.observed.failed(Kind.AWAIT, i)]
        batch = tuple((i, d) for i, d in wanted if i in view.observed.ready)
        if batch and not missing and taken.isdisjoint(i for i, _ in batch):
            taken |= {i for i, _ in batch}
            yield Step(Kind.REHEARSE, target.name, digest(sorted(batch)), batch)


def _reviews(view: View) -> Iterator[Step]:
    """Everything that can be planned now is: put it together, judge it, and see whether it may be done."""
    subject = str(view.desired.ref)
    if not view.reviewing or view.observed.done_or_doing(Kind.REVIEW, subject):
        return
    alone = view.desired.goal is Goal.PLAN  # then nothing else goes on beside it
    if any(alone or s.kind in LOOKS for s in view.observed.in_flight) or any(_plans(view)) or any(_predictions(view)):
        return
    if alone and (any(_entrances(view)) or any(_rehearsals(view))):
        return
    if any(_judgements(view)):
        return
    if view.observed.reviewed is None or (view.desired.goal is Goal.UP and view.unreviewed):
        yield Step(Kind.REVIEW, subject, digest(sorted(view.unreviewed)))


def _applies(view: View) -> Iterator[Step]:
    for name, plan in view.observed.plans.items():
        waiting = name not in view.observed.settled and not view.observed.done_or_doing(Kind.APPLY, name)
        ready = waiting and plan.applyable and not plan.errored and view.admitted(plan)
        if ready and all(map(view.may_leave, view.departures(name))):
            yield Step(Kind.APPLY, name, plan.digest)


def _judgements(view: View) -> Iterator[Step]:
    """What was not known when it was reviewed is known once it is applied. One after the other: each knows what those before
    it have found, and so the last one knows everything."""
    if any(s.kind is Kind.JUDGE for s in view.observed.in_flight):
        return
    for stack in sorted(view.undecided):
        if not view.observed.failed(Kind.JUDGE, stack):
            yield Step(Kind.JUDGE, stack, view.observed.plans[stack].digest)
            return


def _drains(view: View) -> Iterator[Step]:
    """Before an apply destroys hosts, tell those that must know: once they are all ready, and idle."""
    taken = view.observed.hosts_in_work
    for departure in view.all_departures:
        name, drainers = departure.target.name, view.drainers(departure)
        over = (
            not view.admitted(view.observed.plans[departure.stack])
            or view.may_leave(departure)
            or view.observed.done_or_doing(Kind.DRAIN, name)
        )
        if over or view.unlooked(departure) or not all(h.id in view.observed.ready for h in drainers):
            continue
        if taken.isdisjoint(h.id for h in drainers):
            taken |= {h.id for h in drainers}
            batch = tuple((h.id, departure.digest) for h in drainers)
            yield Step(Kind.DRAIN, name, departure.digest, batch, departure.ids)


def _discoveries(view: View) -> Iterator[Step]:
    """While an apply works, look for hosts by tag: they run long before Terraform says so. Before one that destroys hosts,
    look once whether those stand that must be told."""
    asked = {s for d in view.all_departures for s in view.unlooked(d)}
    for name in view.desired.stacks:
        if view.observed.done_or_doing(Kind.DISCOVER, name):
            continue
        if name in asked or (view.observed.busy(Kind.APPLY, name) and view.desired.holds_wanted_hosts(name)):
            yield Step(Kind.DISCOVER, name)


def _awaits(view: View) -> Iterator[Step]:
    told = {h.id for d in view.all_departures for h in view.drainers(d)}
    for host in view.observed.hosts.values():
        if host.id in view.observed.ready or view.observed.failed(Kind.AWAIT, host.id):
            continue
        if _way_known(view, host, told) and view.wanted(host) and not view.doomed(host):
            step = Step(Kind.AWAIT, host.id, view.observed.entrance(host))
            if step not in view.observed.in_flight:
                yield step


def _way_known(view: View, host: Host, told: Collection[str]) -> bool:
    """Whether it is known how the host is reached. Who must be told of a departure is also reached as it was in an earlier
    run, unless a jump that was seen in this run is still to become ready."""
    if host.id in told:
        jump = view.observed.jump(host)
        return jump is None or view.way_open(host) or view.observed.failed(Kind.AWAIT, jump.id)
    return view.desired.stacks[host.stack].reach <= view.observed.settled.keys() and view.way_open(host)


def _configures(view: View) -> Iterator[Step]:
    taken = set(view.observed.hosts_in_work)
    for target in view.desired.configure.values():
        batch = view.batch(target, taken)
        if batch:
            taken |= {host_id for host_id, _ in batch}
            yield Step(Kind.CONFIGURE, target.name, digest(sorted(batch)), batch)


def _checks(view: View) -> Iterator[Step]:
    for target in view.desired.checks.values():
        if target.name in view.observed.checks or view.observed.done_or_doing(Kind.VERIFY, target.name):
            continue
        if view.may_check(target):
            yield Step(Kind.VERIFY, target.name, digest([target.kind, view.resolvable(target.spec)], view.desired.key))


# --- on the way down


def _destroy_plans(view: View) -> Iterator[Step]:
    """All at once: a plan reads, and what depends on a stack is in the way of its destruction alone."""
    for stack in view.desired.stacks.values():
        known = stack.name in view.observed.plans or stack.name in view.observed.gone
        if known or view.observed.done_or_doing(Kind.PLAN, stack.name):
            continue
        yield Step(Kind.PLAN, stack.name, digest(["destroy", stack.name]))


def _destroys(view: View) -> Iterator[Step]:
    for name, plan in view.observed.plans.items():
        if name in view.observed.gone or view.observed.done_or_doing(Kind.DESTROY, name):
            continue
        free = all(_out_of_the_way(view, d) for d in view.desired.dependents(name))
        if free and plan.applyable and not plan.errored:
            yield Step(Kind.DESTROY, name, plan.digest)


def _proofs(view: View) -> Iterator[Step]:
    over = all(_out_of_the_way(view, s) for s in view.desired.stacks)
    subject = str(view.desired.ref)
    if over and view.observed.proof is None and not view.observed.done_or_doing(Kind.PROVE, subject):
        yield Step(Kind.PROVE, subject)


def _out_of_the_way(view: View, stack: str) -> bool:
    """Gone, or failed for this run: a teardown marches on."""
    failed = view.observed.failed(Kind.PLAN, stack) or view.observed.failed(Kind.DESTROY, stack)
    return stack in view.observed.gone or failed
