"""The engine's server went away in the middle of a run: what Baton knows is said, and no traceback."""

from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
import pytest

from baton.running import EngineLost, _answer
from lifecycle.errors import BatonError


def refused() -> NoReturn:
    raise httpx.ConnectError("[Errno 111] Connection refused")


def caller(**known: Any) -> Any:
    return SimpleNamespace(**{"error": None, "ended": None} | known)


def test_what_made_the_run_fail_is_said_although_the_engine_never_heard_of_it() -> None:
    with pytest.raises(BatonError, match="await web-1: no answer"):
        _answer(caller(error=BatonError("await web-1: no answer")), refused)


def test_a_run_that_was_over_is_over() -> None:
    assert _answer(caller(ended="ready"), refused) == "ready"


def test_a_run_of_which_nothing_is_known_can_be_run_again() -> None:
    with pytest.raises(EngineLost, match=r"does not answer any more: .*refused") as lost:
        _answer(caller(), refused)
    assert "run this again" in lost.value.hint
