"""Cron's fields agree with another implementation; edges over clock changes agree with looking at every minute."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifecycle.cron import BadCron, parse_cron
from lifecycle.recurring import next_after

MINUTE = timedelta(minutes=1)


def field(least: int, most: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    word = st.one_of(number.map(str), st.sampled_from(names)) if names else number.map(str)
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])  # the other one reads 3-3/2 as 3/2
    spans = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, most + 1)).map(lambda p: f"{p[0]}/{p[1]}")
    part = st.one_of(word, spans, stepped)
    return st.one_of(st.just("*"), part, st.lists(part, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 31),
    field(1, 12, ("jan", "FEB", "dec")),
    field(0, 7, ("mon", "SUN", "sat")),
).map(" ".join)
FIRST, LAST = datetime(2020, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001 - what clocks on a wall read has no zone
TIMES = st.datetimes(FIRST, LAST).map(lambda t: t.replace(microsecond=0))


@given(EXPRESSIONS, TIMES)
@example("0 0 29 2 *", FIRST.replace(2096, 3))
@settings(max_examples=100)
def test_the_times_of_an_expression_are_those_that_another_implementation_finds(text: str, after: datetime) -> None:
    try:
        walls = parse_cron(text).walls(after.replace(second=0) + MINUTE)
    except BadCron:  # the 31st of February: the other one refuses it too, or never ends
        return
    expected = list(islice(CronSim(text, after.replace(second=0)), 4))
    assert list(islice(walls, 4)) == expected


# Half an hour (Lord Howe), at midnight (Beirut, Santiago, Havana), twice a year the other way round (Casablanca), across the
# date line (Apia), a negative summer (Dublin), no changes at all (Kolkata, UTC).
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "Asia/Beirut",
    "America/Havana", "Pacific/Apia", "Asia/Kolkata", "Europe/Dublin", "Antarctica/Troll", "Pacific/Chatham", "Asia/Tehran", "UTC",
)  # fmt: skip


def changes(zone: str, first: int = 2011, last: int = 2027) -> list[datetime]:
    """The hours in which a zone's clocks are changed."""
    known, hour = ZoneInfo(zone), timedelta(hours=1)
    at, found = datetime(first, 1, 1, tzinfo=UTC), []
    while at.year < last:
        if at.astimezone(known).utcoffset() != (at + 24 * hour).astimezone(known).utcoffset():
            found += [at + n * hour for n in range(24)
                      if (at + n * hour).astimezone(known).utcoffset() != (at + (n + 1) * hour).astimezone(known).utcoffset()]  # fmt: skip
        at += 24 * hour
    return found or [datetime(first, 6, 1, tzinfo=UTC)]


CHANGES = {zone: changes(zone) for zone in ZONES}


def looked_at_every_minute(text: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """The instants at which the clocks first read a time of the expression, or one after it."""
    known, cron = ZoneInfo(zone), parse_cron(text)
    wall = start.astimezone(known).replace(tzinfo=None)
    found, highest, at = [], wall, start
    while (at := at + MINUTE) <= end:
        wall = at.astimezone(known).replace(tzinfo=None)
        passed = highest
        while passed < wall:
            passed += MINUTE
            if cron.names(passed.date()) and passed.time() in set(cron.times):
                found.append(at)
                break
        highest = max(highest, wall)
    return found


MINUTES = st.one_of(st.sampled_from(["0", "30", "59", "*/20", "1,31"]), field(0, 59))
HOURS = st.one_of(st.sampled_from(["0", "1", "2", "3", "0-4", "*"]), field(0, 23))


@given(st.sampled_from(ZONES), st.data(), MINUTES, HOURS)
@settings(max_examples=80)
def test_edges_over_a_change_of_the_clocks_are_those_of_looking_at_every_minute(
    zone: str, data: st.DataObject, minutes: str, hours: str
) -> None:
    change = data.draw(st.sampled_from(CHANGES[zone]))
    text = f"{minutes} {hours} * * *"
    # Not from between the two readings of an hour: what the clocks read before it is not known to who begins there.
    start, end = change - timedelta(hours=27), change + timedelta(hours=27)
    found, at = [], next_after(text, zone, start)
    while at is not None and at <= end:
        found.append(at)
        at = next_after(text, zone, at)
    assert found == looked_at_every_minute(text, zone, start, end)


@given(st.sampled_from(ZONES), st.data(), EXPRESSIONS)
@settings(max_examples=60)
def test_the_next_edge_is_the_same_from_everywhere_before_it(zone: str, data: st.DataObject, text: str) -> None:
    after = data.draw(st.sampled_from(CHANGES[zone])) - data.draw(st.integers(-7200, 7200)) * timedelta(seconds=1)
    try:
        at = next_after(text, zone, after)
    except BadCron:
        return
    assert at is not None
    assert at > after
    between = after + (at - after) * data.draw(st.floats(0, 0.999))
    assert next_after(text, zone, between) == at
