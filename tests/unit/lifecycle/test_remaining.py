"""What an interrupted run says of what stands and of what is left to do."""

from adapters.fake.driving import Drive, ports_for, shop, world_of_shop
from lifecycle.desired import Goal
from lifecycle.journal import Journal
from lifecycle.observed import Observed
from lifecycle.remaining import remaining
from lifecycle.view import View


def after(completions: int, goal: Goal = Goal.UP) -> View:
    """The shop when so many steps have ended, the oldest first."""
    world = world_of_shop()
    drive = Drive(world, ports_for(world))
    if goal is Goal.DOWN:
        drive.run(shop(), lambda _: 0)
    return drive.run(shop(goal=goal), lambda _: 0, kill_after=completions)


def test_at_the_beginning_everything_is_left() -> None:
    assert remaining(View(shop(), Journal(), Observed())) == (
        "0 of 2 stacks up, 0 of 3 configure steps done, 0 of 2 checks passed; left to do: stack data, stack front, "
        "configure mysql, configure app, configure balance, check db-answers and 1 more"
    )


def test_in_the_middle_it_says_how_many_hosts_of_a_step_are_done() -> None:
    words = [remaining(after(n)) for n in range(20)]
    assert any("1 of 2 stacks up" in w and "stack data" not in w for w in words)
    assert any("configure app (0 of 2 hosts)" in w for w in words)


def test_at_the_end_nothing_is_left() -> None:
    assert remaining(after(-1)) == "2 of 2 stacks up, 3 of 3 configure steps done, 2 of 2 checks passed"


def test_on_the_way_down_it_says_what_is_gone() -> None:
    assert remaining(after(0, Goal.DOWN)) == (
        "0 of 2 stacks gone; left to do: destroy data, destroy front, the look for what is left"
    )
    assert any("1 of 2 stacks gone; left to do: destroy data, the" in remaining(after(n, Goal.DOWN)) for n in range(6))


def test_a_plan_names_the_stacks_that_it_has_not_planned() -> None:
    assert remaining(after(0, Goal.PLAN)) == "0 of 2 stacks planned; left to do: plan data, plan front"
