"""Recurring teardowns: when one is due, for whom, how often, and what is kept of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.cron import BadCron, parse_cron
from lifecycle.desired import Goal
from lifecycle.due import due
from lifecycle.ends import LATE_TOLD, Kind, ends, over, told_late
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.lease import LEASE, Lease
from lifecycle.recurring import (
    BLUEPRINT,
    RECURRING,
    WANTED,
    BadZone,
    NoSchedule,
    added,
    as_blueprint_says,
    done,
    next_after,
    recurring,
    removed,
)

MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EVENINGS = "0 19 * * 1-5"
BERLIN = "Europe/Berlin"
AT_SEVEN = MONDAY + 6 * HOUR  # 19:00 in Berlin


def environment(phase: Phase = Phase.READY, **facts: Any) -> Environment:
    wanted = {WANTED: (MONDAY - HOUR).isoformat()}
    return Environment(EnvironmentRef("shop", "dev"), phase, MONDAY, MONDAY, facts=wanted | facts)


def with_evenings(phase: Phase = Phase.READY, facts: dict[str, Any] | None = None) -> Environment:
    return added(environment(phase, **(facts or {})), EVENINGS, BERLIN, "ada", MONDAY)[0]


def test_it_is_due_from_its_time_on_and_only_where_something_stands() -> None:
    known = with_evenings()
    assert due(known, AT_SEVEN - timedelta(seconds=1)) is None
    one = due(known, AT_SEVEN)
    assert one is not None
    assert (one.goal, one.since, one.ended) == (Goal.DOWN, AT_SEVEN, True)
    assert one.because == f"its recurring teardown ({EVENINGS} {BERLIN}) was due at 2026-01-05 18:00 UTC"
    assert due(with_evenings(Phase.DESTROYED), AT_SEVEN) is None


def test_three_evenings_that_were_missed_are_one_teardown_and_late_since_the_first() -> None:
    one = due(with_evenings(), AT_SEVEN + 2 * DAY + 30 * HOUR / 60)
    assert one is not None
    assert one.since == AT_SEVEN
    assert one.because.endswith("UTC, 2d30m late")


def test_it_is_said_once_that_it_is_late_and_never_where_it_is_not() -> None:
    known = with_evenings()
    assert told_late(known, AT_SEVEN + timedelta(minutes=10)) is None
    told = told_late(known, AT_SEVEN + HOUR)
    assert told is not None
    changed, draft = told
    assert (draft.type, draft.data["late"]) == ("baton.teardown.late", "1h")
    assert told_late(changed, AT_SEVEN + 2 * HOUR) is None
    assert told_late(changed, AT_SEVEN + 3 * DAY) is None


def test_who_brings_it_up_afterwards_has_it_until_the_next_time() -> None:
    wanted = replace(with_evenings(), facts={**with_evenings().facts, WANTED: (AT_SEVEN + HOUR).isoformat()})
    assert due(wanted, AT_SEVEN + 2 * HOUR) is None
    assert [end.at for end in ends(wanted, AT_SEVEN + 2 * HOUR)] == [AT_SEVEN + DAY]
    assert due(wanted, AT_SEVEN + DAY) is not None


def test_one_that_was_added_after_the_time_waits_for_the_next() -> None:
    known = added(environment(), EVENINGS, BERLIN, "ada", AT_SEVEN + HOUR)[0]
    assert due(known, AT_SEVEN + 2 * HOUR) is None


def test_a_teardown_is_remembered_with_how_late_it_was() -> None:
    known = with_evenings()
    facts = done(known.facts, AT_SEVEN, AT_SEVEN + 2 * HOUR)
    (one,) = recurring(facts)
    assert (one.done, one.late) == (AT_SEVEN + 2 * HOUR, 2 * HOUR)
    assert one.next(AT_SEVEN + 2 * HOUR) == AT_SEVEN + DAY
    # what was due for another reason, a lease, does not touch it
    (other,) = recurring(done(known.facts, AT_SEVEN - HOUR, AT_SEVEN - HOUR))
    assert other.done is None


def test_the_earliest_end_decides_and_all_are_shown() -> None:
    known = with_evenings(facts={LEASE: Lease(MONDAY, 4 * HOUR).fact})
    assert [end.kind for end in ends(known, MONDAY)] == [Kind.LEASE, Kind.RECURRING]
    one = due(known, AT_SEVEN + HOUR)
    assert one is not None
    assert one.because.startswith("its lease ended")
    gone = replace(known, phase=Phase.DESTROYED)
    assert [end.kind for end in ends(gone, MONDAY)] == [Kind.RECURRING]
    assert over(gone, AT_SEVEN + HOUR) == []


def test_several_may_be_said_and_taken_back_one_by_one_or_all() -> None:
    known = added(with_evenings(), "0  13 * * SAT", BERLIN, "ada", MONDAY)[0]
    known, draft = added(known, EVENINGS, BERLIN, "bob", MONDAY + HOUR)  # said again: it begins anew
    assert draft.data == {"cron": EVENINGS, "tz": BERLIN, "by": "bob"}
    assert [(r.cron, r.by) for r in recurring(known.facts)] == [("0 13 * * sat", "ada"), (EVENINGS, "bob")]
    left, draft = removed(known, "0 13 * * sat", "bob", MONDAY)
    assert [r.cron for r in recurring(left.facts)] == [EVENINGS]
    none, draft = removed(known, "", "bob", MONDAY)
    assert RECURRING not in none.facts
    assert [one["cron"] for one in draft.data["removed"]] == ["0 13 * * sat", EVENINGS]
    with pytest.raises(NoSchedule):
        removed(none, "", "bob", MONDAY)
    with pytest.raises(NoSchedule, match="no recurring teardown '0 1"):
        removed(known, "0 1 * * *", "bob", MONDAY)


def test_the_blueprints_own_comes_goes_and_stays_with_it() -> None:
    mine = with_evenings().facts
    said = as_blueprint_says(mine, "0 3 * * *", "UTC", MONDAY)
    again = as_blueprint_says(said, "0 3 * * *", "UTC", MONDAY + DAY)
    assert again == said  # its times do not begin anew with every `up`
    assert [r.by for r in recurring(said)] == ["ada", BLUEPRINT]
    changed = as_blueprint_says(said, "0 4 * * *", "UTC", MONDAY)
    assert [r.cron for r in recurring(changed)] == [EVENINGS, "0 4 * * *"]
    assert as_blueprint_says(said, "", "", MONDAY) == mine
    known = replace(environment(), facts=said)
    with pytest.raises(NoSchedule, match="the blueprint of shop/dev says"):
        removed(known, "0 3 * * *", "bob", MONDAY)


def test_what_is_remembered_of_lateness_is_about_one_end() -> None:
    known = with_evenings(facts={LATE_TOLD: (AT_SEVEN - DAY).isoformat()})
    assert told_late(known, AT_SEVEN + HOUR) is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 19 * *", "4 fields, not 5"),
        ("@daily", "1 fields, not 5"),
        ("60 19 * * *", "'60' is no minute"),
        ("0 5-3 * * *", "'5-3' is no hour"),
        ("0 */0 * * *", "'\\*/0' is no hour"),
        ("0 19 L * *", "'l' is no day of the month"),
        ("0 19 * * fry", "'fry' is no day of the week"),
        ("0 19 31 2,4 *", "never comes"),
        ("0 19 * * 1,", "'' is no day of the week"),
        ("-1 19 * * 1", "'-1' is no minute"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadCron, match=words):
        parse_cron(text)


def test_a_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadZone, match="no time zone 'Europe/Berln'"):
        added(environment(), EVENINGS, "Europe/Berln", "ada", MONDAY)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 2 * * *", BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),  # skipped
        ("30 2 * * *", BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("30 2 * * *", BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        ("0 12 30 12 *", "Pacific/Apia", datetime(2011, 12, 1, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_times_that_the_clocks_skip_or_show_twice(cron: str, zone: str, after: datetime, expected: datetime) -> None:
    assert next_after(cron, zone, after) == expected
