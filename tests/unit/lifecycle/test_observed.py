"""What a run has seen: outputs have the last word on hosts, whatever ends first."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from lifecycle.conductor import next_steps
from lifecycle.desired import ConfigureTarget, Desired, Goal, StackTarget
from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import Connection, ConnectionDefaults, Host, Ready, Selector, Trust
from lifecycle.journal import Journal, Kind, Outcome, Status, Step
from lifecycle.observed import Observed, Planned, Settled
from lifecycle.plan import Output, Plan
from lifecycle.view import View

TAGGED = Host("i-1", "app", "i-1", Connection("10.0.0.1"), groups=("from-tags",))
NAMED = replace(TAGGED, name="app-1", groups=("web",))


def desired(*, jump: str = "") -> Desired:
    reach = frozenset({"bastion"}) if jump else frozenset[str]()
    return Desired(
        EnvironmentRef("shop", "dev"),
        Goal.UP,
        {
            "app": StackTarget("app", Path("app"), reach=reach, defaults=ConnectionDefaults(jump=jump)),
            "bastion": StackTarget("bastion", Path("bastion")),
        },
        {"web": ConfigureTarget("web", Path("web.yml"), Selector(stack="app"))},
    )


def applying(*seen: Host) -> Observed:
    """The stack `app` is being applied, and these hosts have been seen by tag."""
    plan = Plan("app", "p1", applyable=True)
    observed = Observed().ended(Outcome(Step(Kind.PLAN, "app"), Status.OK, result=Planned(plan)))
    observed = observed.started(Step(Kind.APPLY, "app", "p1"))
    return observed.ended(Outcome(Step(Kind.DISCOVER, "app"), Status.OK, result=tuple(seen)))


def applied(*hosts: Host) -> Outcome:
    return Outcome(Step(Kind.APPLY, "app", "p1"), Status.OK, result=Settled({}, hosts))


def awaiting(observed: Observed, want: Desired | None = None) -> Step:
    steps = [s for s in next_steps(want or desired(), Journal(), observed) if s.kind is Kind.AWAIT]
    assert len(steps) == 1
    return steps[0]


def found(step: Step, host: Host) -> Outcome:
    pinned = replace(host.pinned("ssh-ed25519 K"), facts={**host.facts, "python": "/usr/bin/python3.11"})
    return Outcome(step, Status.OK, result=Ready(pinned, Trust.CONSOLE))


@pytest.mark.parametrize("order", list(permutations(("applied", "ready"))))
def test_what_outputs_say_of_a_host_wins_whether_it_is_ready_before_or_after(order: tuple[str, ...]) -> None:
    observed = applying(TAGGED)
    step = awaiting(observed)
    observed = observed.started(step)
    ends = {"applied": applied(NAMED), "ready": found(step, TAGGED)}
    for what in order:
        observed = observed.ended(ends[what])
    host = observed.ready["i-1"].host
    assert (host.name, host.groups, host.host_key) == ("app-1", ("web",), "ssh-ed25519 K")
    assert host.facts["python"] == "/usr/bin/python3.11"


@pytest.mark.parametrize("order", list(permutations(("applied", "failed"))))
def test_a_host_that_its_stack_no_longer_names_is_forgotten_with_its_failures(order: tuple[str, ...]) -> None:
    observed = applying(TAGGED)
    step = awaiting(observed)
    observed = observed.started(step)
    ends = {"applied": applied(), "failed": Outcome(step, Status.FAILED, "gone")}
    for what in order:
        observed = observed.ended(ends[what])
    assert observed.hosts == {}
    assert observed.failures == {}


def test_a_host_that_is_ready_after_its_stack_has_dropped_it_is_no_host_any_more() -> None:
    observed = applying(TAGGED)
    step = awaiting(observed)
    observed = observed.started(step).ended(applied()).ended(found(step, TAGGED))
    assert observed.ready == {}


@pytest.mark.parametrize("order", list(permutations(("applied", "failed"))))
def test_a_host_that_could_not_be_entered_as_its_tags_had_it_is_tried_as_its_outputs_say(
    order: tuple[str, ...],
) -> None:
    observed = applying(TAGGED)
    first = awaiting(observed)
    observed = observed.started(first)
    named = replace(NAMED, connection=replace(NAMED.connection, user="admin"))
    ends = {"applied": applied(named), "failed": Outcome(first, Status.FAILED, "login refused")}
    for what in order:
        observed = observed.ended(ends[what])
    again = awaiting(observed)
    assert again.input_digest != first.input_digest
    observed = observed.started(again).ended(found(again, named))
    assert observed.ready["i-1"].host.connection.user == "admin"
    assert observed.failures == {}


def test_a_host_that_was_trusted_before_its_outputs_named_another_key_is_looked_at_again() -> None:
    observed = applying(TAGGED)
    step = awaiting(observed)
    observed = observed.started(step).ended(found(step, TAGGED))
    observed = observed.ended(applied(replace(NAMED, offered_key="ssh-ed25519 OTHER")))
    assert observed.ready == {}
    assert awaiting(observed).input_digest != step.input_digest
    assert observed.hosts["i-1"].host_key == "ssh-ed25519 K"  # so that the ladder sees both keys, and refuses


def test_the_same_failed_wait_is_not_tried_twice_in_a_run() -> None:
    observed = applying(TAGGED)
    step = awaiting(observed)
    observed = observed.started(step).ended(Outcome(step, Status.FAILED, "silent")).ended(applied(NAMED))
    assert [s for s in next_steps(desired(), Journal(), observed) if s.kind is Kind.AWAIT] == []


def test_the_way_to_a_host_leads_through_outputs_that_came_after_its_apply_began() -> None:
    """The bastion's address is known while `app` is still being applied; then `app` ends."""
    want = desired(jump="ops@${stacks.bastion.outputs.address}")
    jumping = replace(TAGGED, connection=replace(TAGGED.connection, jump="ops@${stacks.bastion.outputs.address}"))
    observed = applying(jumping)
    bastion = Settled({"address": Output("192.0.2.1")})
    observed = observed.ended(Outcome(Step(Kind.APPLY, "bastion"), Status.OK, result=bastion))
    step = awaiting(observed, want)
    observed = observed.started(step).ended(found(step, jumping)).ended(applied(replace(jumping, name="app-1")))
    hosts = View(want, Journal(), observed).ready_hosts
    assert hosts["i-1"].connection.jump == "ops@192.0.2.1"
