"""What a run leaves in its environment's facts, for the next one and for the tick."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.fake.driving import ports_for, shop, world_of_shop
from lifecycle.desired import Goal
from lifecycle.due import due
from lifecycle.environment import INPUTS, Environment, Phase
from lifecycle.lock import LEASE, Owner
from lifecycle.perform import perform
from lifecycle.phases import FAILED_TEARDOWNS, INTERRUPTED, RESUMED
from lifecycle.ports import Cancellation
from lifecycle.recurring import RECURRING, Recurring, recurring
from lifecycle.revision import CLEANUP, READY, REVISION, OnFailure

ME = Owner("ada", "laptop:1", "boot", 42, 1)


class Stage:
    """The shop in memory, performed as a flow does it: the facts of the accepted revision are handed in."""

    def __init__(self) -> None:
        self.world = world_of_shop()
        self.ports = ports_for(self.world)
        self.store, self.clock = self.ports.store, self.ports.clock

    def run(
        self,
        goal: Goal = Goal.UP,
        facts: dict[str, Any] | None = None,
        *,
        policy: OnFailure = OnFailure.KEEP,
        cancel: Cancellation | None = None,
        due_at: datetime | None = None,
    ) -> Environment:
        desired = replace(shop(goal=goal), on_failure=policy, because="a test", due_at=due_at)
        now = self.clock.now()
        known = self.store.environment(desired.ref) or Environment(desired.ref, Phase.NEW, now, now)
        lock = self.store.acquire(desired.ref, ME, lease=LEASE)
        try:
            return perform(
                desired,
                self.ports,
                lambda _, act: act(),
                lock=lock,
                environment=replace(known, facts={**known.facts, **(facts or {})}),
                cancel=cancel or Cancellation(),
            ).environment
        finally:
            self.store.release(lock)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_was_ready_can_be_gone_back_to_and_counts_no_resumed_run_any_more(stage: Stage) -> None:
    assert stage.run(Goal.UP, {REVISION: 1, RESUMED: 2}).facts == {REVISION: 1, READY: [1]}
    assert stage.run(Goal.UP, {REVISION: 2}).facts == {REVISION: 2, READY: [1, 2]}


@pytest.mark.parametrize(
    ("policy", "ready", "expected"),
    [
        (OnFailure.KEEP, False, None),
        (OnFailure.DESTROY, False, "destroy"),
        (OnFailure.DESTROY, True, None),
        (OnFailure.ROLLBACK, False, None),
        (OnFailure.ROLLBACK, True, "rollback"),
    ],
)
def test_what_is_to_become_of_a_failed_run_is_written_with_the_phase(
    stage: Stage, policy: OnFailure, ready: bool, expected: str | None
) -> None:
    if ready:
        stage.run(Goal.UP, {REVISION: 1})
    stage.world.fingerprints["app"] = "changed"
    stage.world.broken.add("probe home")
    failed = stage.run(Goal.UP, {REVISION: 2}, policy=policy)
    stored = stage.store.environment(failed.ref)
    assert stored is not None
    assert (stored.phase, stored.facts.get(CLEANUP)) == (Phase.FAILED, expected)
    assert (due(stored, stage.clock.now()) is not None) is (expected is not None)  # killed here, the tick does it
    stage.world.broken.clear()
    assert CLEANUP not in stage.run(Goal.UP, {REVISION: 2}).facts  # whoever brings it up again has decided otherwise


def test_who_stopped_a_run_is_remembered_until_the_next_one_and_the_tick_leaves_it_alone(stage: Stage) -> None:
    cancel = Cancellation()
    cancel.request("SIGINT")
    stopped = stage.run(Goal.UP, {REVISION: 1}, cancel=cancel)
    assert stopped.facts[INTERRUPTED] == "SIGINT"
    assert due(stopped, stage.clock.now()) is None
    assert INTERRUPTED not in stage.run(Goal.UP, {REVISION: 1}).facts


def test_looking_changes_no_facts(stage: Stage) -> None:
    cancel = Cancellation()
    cancel.request("SIGINT")
    stage.run(Goal.UP, {REVISION: 1}, cancel=cancel)
    assert stage.run(Goal.PLAN).facts == {REVISION: 1, INTERRUPTED: "SIGINT"}


def test_a_teardown_that_left_something_is_counted_and_one_that_did_not_leaves_the_inputs_alone(stage: Stage) -> None:
    stage.run(Goal.UP, {REVISION: 1, INPUTS: {"web": 2}})
    stage.world.leak("i-left", shop().ref)
    left = stage.run(Goal.DOWN)
    assert left.facts[FAILED_TEARDOWNS] == 1
    again = due(left, stage.clock.now())
    assert again is not None
    assert (again.goal, again.revision) == (Goal.DOWN, 1)
    stage.world.leaked.clear()
    assert stage.run(Goal.DOWN).facts == {INPUTS: {"web": 2}}


def test_why_a_run_began_is_in_the_ledger(stage: Stage) -> None:
    ended = stage.run()
    first = next(iter(stage.store.ledger(ended.ref))).decoded["data"]
    assert (first["goal"], first["because"]) == ("up", "a test")


def test_a_recurring_teardown_outlives_the_environment_and_the_ledger_says_when_it_was_due(stage: Stage) -> None:
    since = stage.clock.now() - timedelta(days=2)
    facts: dict[str, Any] = {RECURRING: [Recurring("0 19 * * *", "Europe/Berlin", "ada", since).fact]}
    up = stage.run(Goal.UP, facts)
    (due_one,) = recurring(up.facts)
    due_at = due_one.due(None, stage.clock.now())
    assert due_at is not None
    gone = stage.run(Goal.DOWN, due_at=due_at)
    assert gone.phase is Phase.DESTROYED
    assert gone.facts.keys() == {RECURRING}
    (kept,) = recurring(gone.facts)
    assert kept.done is not None
    assert kept.late == kept.done - due_at
    assert kept.due(None, stage.clock.now()) is None
    told = [e.decoded for e in stage.store.ledger(gone.ref) if e.decoded["type"] == "baton.teardown.done"]
    assert [one["data"]["due"] for one in told] == [due_at.isoformat()]
    # taken down by hand: nothing was due, and the ledger does not say so
    stage.run(Goal.UP)
    assert recurring(stage.run(Goal.DOWN).facts) == [kept]
    assert len([e for e in stage.store.ledger(gone.ref) if e.decoded["type"] == "baton.teardown.done"]) == 1
