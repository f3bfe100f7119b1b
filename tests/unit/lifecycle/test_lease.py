"""Leases, appointed ends, and times with zones."""

from datetime import UTC, datetime, timedelta

import pytest

from baton.schedules import BadTime, appointed_time
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.lease import (
    DOWN_AT,
    LEASE,
    LIMIT,
    Appointment,
    Lease,
    NoLease,
    appointed,
    expiring,
    extended,
    granted,
    limit_of,
    limited,
)
from lifecycle.recurring import BadZone

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WARN = (HOUR, HOUR / 6)


def environment(lease: Lease | None = None, phase: Phase = Phase.READY) -> Environment:
    facts = {LEASE: lease.fact} if lease else {}
    return Environment(EnvironmentRef("shop", "dev"), phase, NOW, NOW, facts=facts)


def test_a_lease_counts_from_the_first_up_and_another_up_does_not_move_it() -> None:
    first = granted(None, 8 * HOUR, WARN, NOW)
    again = granted(first, 8 * HOUR, WARN, NOW + HOUR)
    assert first is not None
    assert again == first
    assert first.ends == NOW + 8 * HOUR


def test_another_ttl_counts_from_the_same_beginning() -> None:
    first = Lease(NOW, 8 * HOUR, extended=HOUR)
    longer = granted(first, 10 * HOUR, WARN, NOW + HOUR)
    assert longer is not None
    assert longer.ends == NOW + 11 * HOUR


def test_bringing_up_what_has_ended_begins_anew_and_no_ttl_is_no_lease() -> None:
    over = Lease(NOW - 9 * HOUR, 8 * HOUR)
    renewed = granted(over, 8 * HOUR, WARN, NOW)
    assert renewed is not None
    assert renewed.ends == NOW + 8 * HOUR
    assert granted(over, None, (), NOW) is None


def test_an_extension_counts_from_the_end_or_from_now_where_that_is_past() -> None:
    lease = Lease(NOW, 8 * HOUR)
    assert lease.longer(HOUR, NOW + HOUR).ends == NOW + 9 * HOUR
    assert lease.longer(HOUR, NOW + 20 * HOUR).ends == NOW + 21 * HOUR


def test_a_lease_survives_being_kept() -> None:
    lease = Lease(NOW, 8 * HOUR, HOUR, WARN, (HOUR,))
    assert Lease.of({LEASE: lease.fact}) == lease
    assert Lease.of({}) is None


def test_each_warning_comes_once_and_late_ones_together() -> None:
    known, said = environment(Lease(NOW, 8 * HOUR, warn=WARN)), []
    for minutes in (0, 419, 421, 425, 471, 475, 490):
        if (found := expiring(known, NOW + timedelta(minutes=minutes))) is not None:
            known, draft = found
            said.append((minutes, draft.data["left"]))
    assert said == [(421, "59m"), (471, "9m")]
    late = expiring(environment(Lease(NOW, 8 * HOUR, warn=WARN)), NOW + timedelta(minutes=475))
    assert late is not None
    assert expiring(late[0], NOW + timedelta(minutes=476)) is None


def test_what_is_gone_is_not_warned_of() -> None:
    assert expiring(environment(Lease(NOW, HOUR, warn=WARN), Phase.DESTROYED), NOW) is None


def test_extending_is_recorded_and_needs_a_lease() -> None:
    changed, draft = extended(environment(Lease(NOW, HOUR)), HOUR, NOW, "ada on laptop")
    assert Lease.of(changed.facts) == Lease(NOW, HOUR, extended=HOUR)
    assert draft.data == {
        "by": "ada on laptop",
        "extended": "1h",
        "from": (NOW + HOUR).isoformat(),
        "to": (NOW + 2 * HOUR).isoformat(),
    }
    with pytest.raises(NoLease, match="stands until somebody"):
        extended(environment(), HOUR, NOW, "ada")


def test_an_end_is_appointed_and_taken_back() -> None:
    when = Appointment(NOW + HOUR, "2026-01-01T14:00 Europe/Berlin", "ada on laptop", "Europe/Berlin")
    changed, _ = appointed(environment(), when, NOW)
    assert Appointment.of(changed.facts) == when
    back, draft = appointed(changed, None, NOW)
    assert DOWN_AT not in back.facts
    assert draft.type == "baton.teardown.unscheduled"


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-12-01T18:00", "Europe/Berlin", datetime(2026, 12, 1, 17, tzinfo=UTC)),
        ("2026-07-01T18:00", "Europe/Berlin", datetime(2026, 7, 1, 16, tzinfo=UTC)),
        ("2026-12-01T18:00+05:30", "", datetime(2026, 12, 1, 12, 30, tzinfo=UTC)),
        ("2026-12-01 18:00Z", "", datetime(2026, 12, 1, 18, tzinfo=UTC)),
    ],
)
def test_a_time_is_an_instant(text: str, zone: str, expected: datetime) -> None:
    assert appointed_time(text, zone, NOW) == expected


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("soon", "UTC", "is no time"),
        ("2026-12-01", "UTC", "says no time of the day"),
        ("2026-12-01T18:00", "", "says no zone"),
        ("2026-12-01T18:00+01:00", "UTC", "says its zone itself"),
        ("2026-12-01T18:00", "Europe/Atlantis", "there is no time zone"),
        ("2026-12-01T18:00", "../etc/passwd", "there is no time zone"),
        ("2025-12-01T18:00", "UTC", "is past"),
        ("2026-03-29T02:30", "Europe/Berlin", "never comes"),
        ("2026-10-25T02:30", "Europe/Berlin", "comes twice"),
    ],
)
def test_a_time_that_nobody_can_be_sure_of_is_refused(text: str, zone: str, words: str) -> None:
    with pytest.raises((BadTime, BadZone), match=words):
        appointed_time(text, zone, NOW)


def test_a_limit_shortens_a_lease_and_grants_one_where_there_is_none() -> None:
    assert limited(10 * HOUR, (HOUR / 2,), 8 * HOUR) == (8 * HOUR, (HOUR / 2,))
    assert limited(2 * HOUR, (HOUR / 2,), 8 * HOUR) == (2 * HOUR, (HOUR / 2,))
    assert limited(None, (), 8 * HOUR) == (8 * HOUR, WARN)
    assert limited(None, (), None) == (None, ())


def test_a_limit_holds_until_another_one_is_asked_for() -> None:
    facts = {LIMIT: HOUR.total_seconds()}
    assert limit_of(facts, None) == HOUR  # whoever resumes the run, or brings it up by hand, does not lift it
    assert limit_of(facts, 2 * HOUR) == 2 * HOUR
    assert limit_of({}, None) is None
