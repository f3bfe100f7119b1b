"""What is tried again, how often, and how long is waited."""

from collections.abc import Callable
from functools import partial

import pytest

from lifecycle.errors import BatonError, Trouble
from lifecycle.retries import Backoff, insist


class Busy(BatonError):
    """It is in use."""

    trouble = Trouble.IN_USE


def answer(stopped: bool, _: float) -> bool:
    return stopped


def failing(*errors: BatonError) -> tuple[list[int], Callable[[], str]]:
    calls: list[int] = []
    left = list(errors)

    def attempt() -> str:
        calls.append(1)
        if left:
            raise left.pop(0)
        return "done"

    return calls, attempt


def test_waits_double_up_to_the_longest_one() -> None:
    assert Backoff(attempts=6, first=2, longest=10).delays == (2, 4, 8, 10, 10)
    assert Backoff(attempts=1).delays == ()


def test_what_passes_is_tried_until_it_goes_well_and_each_wait_is_said() -> None:
    calls, attempt = failing(Busy(), Busy())
    said: list[str] = []
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    got = insist(attempt, Backoff(first=1), lambda _, message, **__: said.append(message), wait)
    assert (got, len(calls), waited) == ("done", 3, [1, 2])
    assert said[0] == "It is in use.; tried again in 1 s (something else still uses it)"


def test_the_last_error_is_raised_when_patience_ends() -> None:
    calls, attempt = failing(*(Busy(f"number {n}") for n in range(9)))
    with pytest.raises(Busy, match="number 2"):
        insist(attempt, Backoff(attempts=3), lambda *_, **__: None, lambda _: False)
    assert len(calls) == 3


def test_what_does_not_pass_and_what_was_stopped_is_tried_once() -> None:
    for error, stopped in ((BatonError("no"), False), (Busy(), True)):
        calls, attempt = failing(error)
        with pytest.raises(BatonError):
            insist(attempt, Backoff(), lambda *_, **__: None, partial(answer, stopped))
        assert len(calls) == 1


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words(trouble: Trouble) -> None:
    assert trouble.words
