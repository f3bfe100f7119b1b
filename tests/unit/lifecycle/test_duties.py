"""Under the lock: what is due is looked at again, and said once that it is late."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.process.owner import current_owner
from adapters.registry import Registry
from adapters.settings import load
from flows.appointed import why_not
from flows.duties import NotDue, request_for, still_due
from lifecycle.due import Due, due
from lifecycle.environment import INPUTS, Environment, EnvironmentRef, Phase
from lifecycle.events import Event
from lifecycle.lease import Appointment, appointed
from lifecycle.lock import LEASE, Lock

REF = EnvironmentRef("shop", "dev")
NOW = SystemClock().now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BATON_CLOUD", "aws")
    registry = Registry.open(load())
    yield registry
    registry.close()


@pytest.fixture
def lock(registry: Registry) -> Lock:
    return registry.store.acquire(REF, current_owner(), lease=LEASE)


def kept(registry: Registry, lock: Lock, end: datetime, phase: Phase = Phase.READY) -> tuple[Environment, Due]:
    """An environment in the store with an appointed end, and what is due of it."""
    known = Environment(REF, phase, NOW, NOW, blueprint_path="/srv/shop/blueprint.yaml", facts={INPUTS: {"size": 2}})
    known, draft = appointed(known, Appointment(end, "then", "ada"), NOW)
    registry.store.transition(lock, known, [draft])
    one = due(known, NOW)
    assert one is not None
    return known, one


def test_it_is_said_once_that_a_teardown_is_late(registry: Registry, lock: Lock) -> None:
    _, one = kept(registry, lock, SystemClock().now() - HOUR)
    said: list[Event] = []
    still_due(one)(registry, lock, said.append)
    still_due(one)(registry, lock, said.append)
    assert [(e.type, e.data["late"]) for e in said] == [("teardown.late", "1h")]
    types = [entry.decoded["type"] for entry in registry.store.ledger(REF)]
    assert types == ["baton.teardown.scheduled", "baton.teardown.late"]


def test_what_somebody_did_or_took_back_meanwhile_is_not_done(registry: Registry, lock: Lock) -> None:
    known, one = kept(registry, lock, NOW - HOUR)
    registry.store.transition(lock, replace(known, phase=Phase.DESTROYED), [])
    with pytest.raises(NotDue, match="down shop/dev is not due any more: it is destroyed"):
        still_due(one)(registry, lock, lambda _: None)
    back, draft = appointed(known, None, NOW)
    registry.store.transition(lock, back, [draft])
    with pytest.raises(NotDue, match="it is ready"):
        still_due(one)(registry, lock, lambda _: None)


def test_it_is_asked_for_with_what_the_store_knows(registry: Registry, lock: Lock) -> None:
    known, one = kept(registry, lock, NOW - HOUR)
    request = request_for(one, known, registry)
    assert (request.blueprint, request.environment) == ("/srv/shop/blueprint.yaml", "dev")
    assert (request.inputs, request.unasked, request.due_at) == ({"size": 2}, True, NOW - HOUR)


@pytest.mark.parametrize(
    ("end", "asked", "words"),
    [
        (NOW - HOUR, NOW - HOUR, ""),
        (NOW + HOUR, NOW - HOUR, "is to be taken down at"),  # moved
        (None, NOW - HOUR, "it was taken back"),
        (NOW + HOUR, NOW + HOUR, "not that late yet"),
    ],
)
def test_a_run_for_an_end_asks_whether_it_still_is_one(end: datetime | None, asked: datetime, words: str) -> None:
    known = Environment(REF, Phase.READY, NOW, NOW)
    if end is not None:
        known, _ = appointed(known, Appointment(end, "then", "ada"), NOW)
    found = why_not(known, REF, asked, NOW)
    assert words in found
    assert bool(found) is bool(words)
    assert "does not stand any more" in why_not(replace(known, phase=Phase.DESTROYED), REF, asked, NOW)
    assert "does not stand any more" in why_not(None, REF, asked, datetime.now(UTC))
