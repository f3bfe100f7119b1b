"""The loop around the conductor on the way down."""

from dataclasses import replace

from adapters.fake.driving import shop
from lifecycle.desired import Desired, Goal
from lifecycle.environment import Phase
from lifecycle.errors import BatonError
from lifecycle.journal import Outcome, Step
from lifecycle.plan import Outputs
from lifecycle.ports import Cancellation, Run, StackSpec
from tests.support.performing import Act, Rehearsal


def test_a_teardown_ends_destroyed_with_its_proof_and_forgets_journal_and_hosts() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.DESTROYED
    assert ended.view.observed.proof is not None
    assert ended.view.observed.proof.left == ()
    assert list(rehearsal.store.hosts(shop().ref)) == []
    assert rehearsal.store.journal(shop().ref).records == {}


def test_destroyed_is_not_said_while_something_is_left() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    stray = rehearsal.world.create("somebody", "stray", ())
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert stray.id in ended.environment.message
    rehearsal.world.destroy(stray)
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def test_a_teardown_does_not_need_outputs_that_cannot_be_read_any_more() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    told = rehearsal.ports.provisioner

    class Mute(type(told)):  # type: ignore[misc]
        def outputs(self, stack: StackSpec, run: Run) -> Outputs:
            raise BatonError("the module is gone")

    rehearsal.ports = replace(rehearsal.ports, provisioner=Mute(rehearsal.world))
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def without(stack: str, desired: Desired) -> Desired:
    """The blueprint after somebody took a stack out of it, with all that refers to it."""
    stacks = {n: s for n, s in desired.stacks.items() if n != stack}
    configure = {n: c for n, c in desired.configure.items() if c.selector.stack != stack and n == "mysql"}
    return replace(desired, stacks=stacks, configure=configure, checks={})


def test_a_stack_that_was_taken_out_of_the_blueprint_is_said_aloud_and_not_said_to_be_gone() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    rehearsal.run(without("front", shop()))
    assert [e.message for e in rehearsal.events if e.type == "stack.orphaned"] == [
        "stack front stands, and the blueprint no longer has it: put it back to change it or to take it down"
    ]
    ended = rehearsal.run(without("front", shop(goal=Goal.DOWN)))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert "stack front stands" in ended.environment.message
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def test_an_environment_that_was_taken_down_can_be_brought_up_again() -> None:
    rehearsal = Rehearsal()
    for _ in range(2):
        assert rehearsal.run(shop()).environment.phase is Phase.READY
        assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED
    assert rehearsal.world.done["create db-1"] == 2
    assert rehearsal.world.done["configure mysql db-1"] == 2


def test_a_teardown_that_was_stopped_half_way_can_be_turned_round() -> None:
    rehearsal, cancel = Rehearsal(), Cancellation()
    rehearsal.run(shop())

    def cancelling(step: Step, act: Act) -> Outcome:
        outcome = act()
        if step.key == "destroy:front":
            cancel.request("SIGTERM")
        return outcome

    stopped = rehearsal.run(shop(goal=Goal.DOWN), cancel=cancel, run_step=cancelling)
    assert (stopped.environment.phase, stopped.cancelled) == (Phase.TEARING_DOWN, True)
    assert rehearsal.run(shop()).environment.phase is Phase.READY
    assert rehearsal.world.done["create db-1"] == 1


def test_a_teardown_marches_on_past_a_stack_that_does_not_go_and_says_so() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    rehearsal.world.broken.add("apply front")
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert "destroy front" in ended.environment.message
    assert rehearsal.world.done["destroy db-1"] == 1
    rehearsal.world.broken.clear()
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED
