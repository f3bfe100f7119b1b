"""The journal: the last thing known of a subject counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.journal import Journal, Kind, Record, Status, Step, subjects

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def a_record(
    status: Status | None, kind: Kind = Kind.CONFIGURE, subject: str = "web@i-1", digest: str = "d1"
) -> Record:
    return Record(kind, subject, digest, 1, T0, T0 if status else None, status)


def test_the_last_record_of_a_subject_counts() -> None:
    first, other, last = a_record(Status.OK), a_record(Status.OK, subject="web@i-2"), a_record(Status.FAILED)
    journal = Journal.of([first, other, last])
    assert journal.get(Kind.CONFIGURE, "web@i-1") == last
    assert journal.get(Kind.CONFIGURE, "web@i-2") == other
    assert journal.get(Kind.AWAIT, "web@i-1") is None


@pytest.mark.parametrize("status", [None, *Status])
def test_a_host_is_configured_only_by_a_success_that_is_the_last_thing_known(status: Status | None) -> None:
    journal = Journal.of([a_record(Status.OK), a_record(status)])
    assert journal.configured("web", "i-1", "d1") is (status is Status.OK)


def test_a_host_is_configured_only_with_this_very_digest_step_and_identity() -> None:
    journal = Journal.of([a_record(Status.OK)])
    assert journal.configured("web", "i-1", "d1")
    assert not journal.configured("web", "i-1", "d2")
    assert not journal.configured("web", "i-2", "d1")
    assert not journal.configured("db", "i-1", "d1")


def test_intents_without_outcome_are_unknown() -> None:
    intent = a_record(None, Kind.APPLY, "network")
    journal = Journal.of([intent, a_record(Status.OK)])
    assert journal.unknown == (intent,)
    assert journal.with_records([replace(intent, status=Status.CANCELLED)]).unknown == ()


def test_the_next_journal_leaves_the_one_before_as_it_was() -> None:
    before = Journal.of([a_record(Status.OK)])
    after = before.with_records([a_record(Status.FAILED)])
    assert before.configured("web", "i-1", "d1")
    assert not after.configured("web", "i-1", "d1")


@pytest.mark.parametrize("kind", [Kind.CONFIGURE, Kind.DRAIN])
def test_a_batch_is_recorded_host_by_host(kind: Kind) -> None:
    batch = Step(kind, "web", hosts=(("i-1", "d1"), ("i-2", "d2")))
    assert subjects(batch) == (("web@i-1", "d1"), ("web@i-2", "d2"))
    assert batch.key == f"{kind.value}:web@i-1,i-2"


@pytest.mark.parametrize(("later", "stands"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("status", [None, *Status])
def test_a_drain_undoes_the_configuration_that_came_before_it(later: int, stands: bool, status: Status | None) -> None:
    configured = a_record(Status.OK)
    drain = replace(a_record(status, Kind.DRAIN), intended_at=T0 + timedelta(seconds=later))
    assert Journal.of([configured, drain]).configured("web", "i-1", "d1") is stands


@pytest.mark.parametrize("kind", sorted({kind for kind in Kind if not kind.on_hosts}))
def test_every_other_step_is_recorded_under_its_own_subject(kind: Kind) -> None:
    step = Step(kind, "network", "d1")
    assert subjects(step) == (("network", "d1"),)
    assert step.key == f"{kind.value}:network"


def test_only_what_changes_the_world_needs_an_intent() -> None:
    assert {kind for kind in Kind if kind.acts} == {Kind.APPLY, Kind.DRAIN, Kind.CONFIGURE, Kind.DESTROY}


@pytest.mark.parametrize("status", [None, *Status])
def test_a_record_is_unknown_or_succeeded_or_neither(status: Status | None) -> None:
    record = a_record(status)
    assert record.unknown is (status is None)
    assert record.succeeded is (status is Status.OK)
