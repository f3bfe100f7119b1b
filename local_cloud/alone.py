"""One call at a time: the API server (moto) answers in threads, but its models are plain dictionaries without a lock.

A call that lists tags while another one writes some ends as 500 after it has done its work; the client sends it again, and
is told that the thing is there already.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from moto.core.responses import BaseResponse

P = ParamSpec("P")
R = TypeVar("R")

_models = threading.RLock()


def alone(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with nobody else in the server's models meanwhile. It must not wait for another thread that needs them."""

    @functools.wraps(function)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with _models:
            return function(*args, **kwargs)

    return locked


def answer_alone() -> None:
    """Every call that has been read is answered alone; once per process."""
    call_action: Any = alone(BaseResponse.call_action)
    BaseResponse.call_action = call_action  # type: ignore[method-assign]
