"""The API server's models have no lock: whoever reads or writes them is alone meanwhile."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from moto.core.responses import BaseResponse

from local_cloud.alone import alone, answer_alone


class Room:
    """Counts who is inside at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._count = threading.Lock()

    def stay(self, *_: object) -> Any:
        with self._count:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.02)
        with self._count:
            self.inside -= 1
        return "done"


def test_calls_and_what_reads_beside_them_are_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    monkeypatch.setattr(BaseResponse, "call_action", room.stay)
    answer_alone()
    read = alone(room.stay)
    with ThreadPoolExecutor(8) as threads:
        calls: list[Future[Any]] = [threads.submit(BaseResponse.call_action, BaseResponse()) for _ in range(4)]
        answers = calls + [threads.submit(read) for _ in range(4)]
    assert [answer.result() for answer in answers] == ["done"] * 8
    assert room.most == 1


def test_who_is_alone_may_ask_again() -> None:
    assert alone(alone(lambda: 3))() == 3
