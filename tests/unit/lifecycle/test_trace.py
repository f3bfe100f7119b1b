"""A run as a chart."""

from datetime import UTC, datetime, timedelta

from lifecycle.journal import Kind, Record, Status
from lifecycle.report.trace import gantt, label

BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def record(kind: Kind, subject: str, start: float, end: float | None, status: Status | None = Status.OK) -> Record:
    finished = None if end is None else BEGIN + timedelta(seconds=end)
    return Record(kind, subject, "", 1, BEGIN + timedelta(seconds=start), finished, status if finished else None)


def test_a_chart_has_a_ruler_and_a_bar_for_each_record_in_the_order_of_beginning() -> None:
    records = [record(Kind.CONFIGURE, "web@i-1", 20, 40), record(Kind.APPLY, "main", 0, 30)]
    ruler, first, second = gantt(records, {"i-1": "web-1"}, width=80)
    assert ruler.split() == ["|0s", "|10s", "|20s", "|30s", "|40s"]
    assert first.startswith("apply main")
    assert first.endswith("30.0s")
    assert second.startswith("configure web@web-1")
    assert second.index("C") > first.index("A")
    assert second.index("C") < first.rindex("A"), "the two overlap in time, and so do their bars"


def test_a_record_without_an_end_runs_to_the_end_and_says_so() -> None:
    lines = list(gantt([record(Kind.PLAN, "a", 0, 10), record(Kind.APPLY, "a", 5, None)], {}, width=80))
    assert "…" in lines[2]
    assert "no end ✗" in lines[2]


def test_a_failure_is_marked() -> None:
    lines = list(gantt([record(Kind.VERIFY, "home", 0, 1, Status.FAILED)], {}, width=80))
    assert lines[1].endswith("✗")


def test_no_records_give_no_chart() -> None:
    assert list(gantt([], {})) == []


def test_a_host_that_is_not_known_any_more_is_named_by_its_id() -> None:
    assert label(record(Kind.CONFIGURE, "web@i-9", 0, 1), {}) == "configure web@i-9"
