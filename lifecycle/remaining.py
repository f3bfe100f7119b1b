"""What an interrupted run leaves to do, in words. Pure."""

from collections.abc import Iterator, Sized

from lifecycle.desired import ConfigureTarget, Goal
from lifecycle.view import View

SHOWN = 6
"""Things left that are named; the others are counted."""


def remaining(view: View) -> str:
    """`1 of 2 stacks up, 0 of 3 configure steps done, 0 of 2 checks passed; left to do: stack front, configure app, ...`."""
    left = list(_left(view))
    more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    named = f"; left to do: {', '.join(left[:SHOWN])}{more}" if left else ""
    return f"{_stands(view)}{named}"


def _stands(view: View) -> str:
    desired, seen = view.desired, view.observed
    match desired.goal:
        case Goal.PLAN:
            return f"{_of(seen.plans.keys() & desired.stacks.keys(), desired.stacks, 'stack')} planned"
        case Goal.DOWN:
            return f"{_of(seen.gone & desired.stacks.keys(), desired.stacks, 'stack')} gone"
        case Goal.UP:
            stacks = _of(seen.settled.keys() & desired.stacks.keys(), desired.stacks, "stack")
            steps = _of([s for s in desired.configure if view.step_complete(s)], desired.configure, "configure step")
            checks = _of([c for c in desired.checks if view.check_passed(c)], desired.checks, "check")
            return f"{stacks} up, {steps} done, {checks} passed"


def _left(view: View) -> Iterator[str]:
    desired, seen = view.desired, view.observed
    match desired.goal:
        case Goal.PLAN:
            yield from (f"plan {s}" for s in desired.stacks if s not in seen.plans)
        case Goal.DOWN:
            yield from (f"destroy {s}" for s in desired.stacks if s not in seen.gone)
            yield "the look for what is left"
        case Goal.UP:
            yield from (f"stack {s}" for s in desired.stacks if s not in seen.settled)
            yield from (
                f"configure {t.name}{_hosts(view, t)}"
                for t in desired.configure.values()
                if not view.step_complete(t.name)
            )
            yield from (f"check {c}" for c in desired.checks if not view.check_passed(c))


def _hosts(view: View, target: ConfigureTarget) -> str:
    """How far a configure step is, where it has begun."""
    hosts = view.matching(target.selector)
    if view.variables(target) is None or not hosts:
        return ""
    ready = [h for h in hosts if h.id in view.observed.ready]
    digests = {h.id: view.configuration_digest(target, h.id) for h in ready}
    done = sum(view.journal.configured(target.name, i, d) for i, d in digests.items())
    return f" ({done} of {len(hosts)} hosts)"


def _of(done: Sized, every: Sized, noun: str) -> str:
    return f"{len(done)} of {len(every)} {noun}{'' if len(every) == 1 else 's'}"
