"""Chance is repeated by its seed, leaves no kind of event out, and a failure's command says the same kills."""

import re

from tests.chaos.real.kills import Chance, Kill, Trace, point, read, written
from tests.chaos.real.others import pointed, translated

TRACE = Trace({f"resource.started:aws_{n}": float(n) for n in range(7)}, 30.0)


def test_a_seed_deals_the_same_kills_again_in_any_order() -> None:
    forth = [Chance(5).kills(n, "up", TRACE, 4) for n in range(1, 6)]
    again = Chance(5)
    assert [again.kills(n, "up", TRACE, 4) for n in range(5, 0, -1)] == forth[::-1]
    assert [Chance(6).kills(n, "up", TRACE, 4) for n in range(1, 6)] != forth


def test_every_kind_of_event_comes_up() -> None:
    dealt = [kill for n in range(1, 15) for kill in Chance(5).kills(n, "up", TRACE, 4)]
    assert {kill.moment.point for kill in dealt} == {*TRACE.points, ""}


def test_the_text_of_kills_says_the_same_kills() -> None:
    kills = {"up": Chance(5).kills(1, "up", TRACE, 6), "down": (Kill.parse("@3.5/all/TERM"),)}
    assert read(written(kills)) == kills


def test_an_event_is_told_by_its_kind_and_not_by_its_host() -> None:
    step = {"type": "step.started", "step": "configure:member@i-1,i-2", "at": "now"}
    assert point(step) == "step.started:configure:member"
    assert point({**step, "step": "await:i-1"}) == "step.started:await"
    assert point({"type": "result"}) == ""


def test_a_script_says_the_same_moments_in_its_tools_words() -> None:
    assert pointed('module.main.module.hosts.aws_instance.this["m-1"]: Creating...') == "resource.started:aws_instance"
    assert pointed("terraform_data.leader (local-exec): TASK [Write the word] ***") == "task.started:Write_the_word"
    assert translated(Kill.parse("step.started:plan:main+0.0/run/KILL")) is None
    pressed = translated(Kill.parse("@3.0/run/INT"))
    assert pressed is not None
    assert re.fullmatch(r"@3\.0/all/INT", str(pressed))
