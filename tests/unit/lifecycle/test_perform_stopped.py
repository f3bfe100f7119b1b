"""The loop around the conductor when it is stopped, broken off or killed, and what the next run makes of it."""

from dataclasses import replace

import pytest

from adapters.fake.driving import shop
from lifecycle.acts import Acts
from lifecycle.desired import Goal
from lifecycle.environment import Phase
from lifecycle.journal import Kind, Outcome, Record, Status, Step
from lifecycle.lanes import WORKERS
from lifecycle.lock import LEASE, LostLock
from lifecycle.ports import Cancellation
from lifecycle.view import View
from tests.support.performing import ME, Act, Rehearsal


def test_a_cancelled_run_starts_nothing_more_and_says_so() -> None:
    rehearsal = Rehearsal()
    cancel = Cancellation()

    def cancelling(step: Step, act: Act) -> Outcome:
        outcome = act()
        if step.kind is Kind.APPLY:
            cancel.request("Ctrl-C")
        return outcome

    ended = rehearsal.run(shop(), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    assert "Ctrl-C" in ended.environment.message
    assert [k for k in rehearsal.world.done if k.startswith("configure")] == []
    assert rehearsal.run(shop()).complete


def test_a_run_that_lost_its_lock_writes_nothing_more_and_ends() -> None:
    rehearsal = Rehearsal()

    def taken_over(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.APPLY and step.subject == "data":
            held = rehearsal.store.holder(shop().ref)
            assert held is not None
            rehearsal.store.release(held)
            rehearsal.store.acquire(shop().ref, replace(ME, pid=43), lease=LEASE)
        return act()

    cancel = Cancellation()
    with pytest.raises(LostLock):
        rehearsal.run(shop(), run_step=taken_over, cancel=cancel)
    assert cancel.requested
    assert not cancel.urgent  # tools may save what they have; the heartbeat makes it fast
    record = rehearsal.store.journal(shop().ref).get(Kind.APPLY, "data")
    assert record is not None
    assert record.unknown


def test_an_interrupted_step_of_an_earlier_run_is_named_and_looked_at_again() -> None:
    rehearsal = Rehearsal()

    def dying(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.CONFIGURE:
            raise KeyboardInterrupt
        return act()

    with pytest.raises(KeyboardInterrupt):
        rehearsal.run(shop(), run_step=dying)
    rehearsal.events.clear()
    assert rehearsal.run(shop()).complete
    assert any(e.type == "run.reconciling" for e in rehearsal.events)


def test_an_engine_that_fails_around_a_step_that_ran_takes_nothing_from_its_outcome() -> None:
    """The journal is the only memory: what the engine says of a step does not matter once the step has ended."""
    rehearsal = Rehearsal()

    def failing_after(_: Step, act: Act) -> Outcome:
        act()
        raise ConnectionError("the engine's API is away")

    assert rehearsal.run(shop(), run_step=failing_after).complete
    assert "engine.trouble" in {e.type for e in rehearsal.events}


def test_a_step_that_an_engine_cannot_begin_runs_without_it() -> None:
    rehearsal = Rehearsal()

    def refusing(step: Step, act: Act) -> Outcome:
        if step.key == "verify:db-answers":
            raise ConnectionError("the engine's API is away")
        return act()

    ended = rehearsal.run(shop(), run_step=refusing)
    assert ended.environment.phase is Phase.READY
    (trouble,) = (e for e in rehearsal.events if e.type == "engine.trouble")
    assert (trouble.step, "API is away" in trouble.message) == ("verify:db-answers", True)
    assert rehearsal.store.journal(shop().ref).unknown == ()


@pytest.mark.parametrize("begins", [True, False])
def test_a_step_that_breaks_off_fails_and_is_not_begun_again(monkeypatch: pytest.MonkeyPatch, *, begins: bool) -> None:
    rehearsal, begun = Rehearsal(), list[str]()

    def engine(_: Step, act: Act) -> Outcome:
        if not begins:
            raise ConnectionError("the engine's own API is away")
        return act()

    carry_out = Acts.carry_out

    def breaking_off(acts: Acts, step: Step, view: View) -> Outcome:
        begun.append(step.key)
        if step.key == "verify:db-answers":
            raise ConnectionError("the engine's API is away")
        return carry_out(acts, step, view)

    monkeypatch.setattr(Acts, "carry_out", breaking_off)
    ended = rehearsal.run(shop(), run_step=engine)
    assert [(o.step.key, "engine's API is away" in o.message) for o in ended.failures] == [("verify:db-answers", True)]
    assert begun.count("verify:db-answers") == 1
    assert ended.environment.phase is Phase.FAILED
    assert rehearsal.world.done["configure mysql db-1"] == 1
    assert rehearsal.store.journal(shop().ref).unknown == ()


def test_what_waits_for_its_turn_when_a_run_is_stopped_is_not_begun() -> None:
    """More steps than the loop runs at once: those behind must not start a tool after the stop."""
    rehearsal = Rehearsal()
    cancel = Cancellation()
    hosts = WORKERS + 5

    def cancelling(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.AWAIT and step.subject != "1":
            cancel.request("Ctrl-C")
        return act()

    ended = rehearsal.run(shop(web=hosts), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    awaited = [o for o in ended.outcomes if o.step.kind is Kind.AWAIT and o.step.subject != "1"]
    assert len(awaited) >= WORKERS
    assert {o.status for o in awaited} == {Status.CANCELLED}


def test_a_plan_that_was_stopped_before_its_end_is_no_whole_plan() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    cancel = Cancellation()

    def cancelling(_: Step, act: Act) -> Outcome:
        outcome = act()
        cancel.request("Ctrl-C")
        return outcome

    ended = rehearsal.run(shop(goal=Goal.PLAN), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    assert not ended.complete


def test_what_a_dead_run_left_open_and_a_whole_run_has_looked_at_is_closed() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    lock = rehearsal.lock(shop())
    now = rehearsal.ports.clock.now()
    rehearsal.store.intend(
        lock,
        [Record(Kind.APPLY, "data", "d", 1, now), Record(Kind.CONFIGURE, "app@i-gone", "d", 1, now)],
    )
    rehearsal.store.release(lock)
    assert rehearsal.run(shop()).complete
    assert rehearsal.store.journal(shop().ref).unknown == ()
    rehearsal.events.clear()
    assert rehearsal.run(shop()).complete
    assert [e for e in rehearsal.events if e.type == "run.reconciling"] == []


def test_a_run_that_goes_on_no_longer_says_that_it_was_interrupted() -> None:
    rehearsal, cancel = Rehearsal(), Cancellation()
    cancel.request("Ctrl-C")
    assert "interrupted" in rehearsal.run(shop(), cancel=cancel).environment.message
    said: list[str] = []

    def looking(_: Step, act: Act) -> Outcome:
        known = rehearsal.store.environment(shop().ref)
        said.append(known.message if known else "")
        return act()

    rehearsal.run(shop(), run_step=looking)
    assert set(said) == {""}
