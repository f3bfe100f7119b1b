"""A run as a text Gantt: what ran when, and what waited for what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from lifecycle.journal import Kind, Record
from lifecycle.report.words import duration

_MARKS = {
    Kind.PLAN: "p",
    Kind.PREDICT: "p",
    Kind.REHEARSE: "~",
    Kind.REVIEW: "r",
    Kind.APPLY: "A",
    Kind.JUDGE: "j",
    Kind.AWAIT: "w",
    Kind.DRAIN: "d",
    Kind.CONFIGURE: "C",
    Kind.VERIFY: "v",
    Kind.DESTROY: "D",
    Kind.PROVE: "?",
}
_UNKNOWN = "…"


def gantt(records: Sequence[Record], names: Mapping[str, str], *, width: int = 100) -> Iterator[str]:
    """Lines of a chart, one per record in the order of their beginning, under a ruler in seconds.

    `names` maps host ids to names. A record without an end runs to the end of the chart and is marked with `…`.
    """
    if not records:
        return
    begin = min(r.intended_at for r in records)
    end = max([r.finished_at or r.intended_at for r in records])
    total = max((end - begin).total_seconds(), 0.001)
    labels = [label(r, names) for r in records]
    left = min(max(map(len, labels)), max(12, width // 3))
    room = max(10, width - left - 12)
    yield f"{'':{left}}  {_ruler(total, room)}"
    rows = sorted(zip(labels, records, strict=True), key=lambda row: (row[1].intended_at, row[0]))
    for text, record in rows:
        bar = _bar(record, begin, total, room)
        took = duration(_seconds(record, end)) if record.finished_at else "no end"
        yield f"{text[:left]:{left}}  {bar}  {took}{'' if record.succeeded else ' ✗'}"


def label(record: Record, names: Mapping[str, str]) -> str:
    """`configure web@web-1`."""
    subject, at, host = record.subject.partition("@")
    if at:
        return f"{record.kind} {subject}@{names.get(host, host)}"
    named = str(record.detail.get("host") or names.get(subject, subject)) if record.kind is Kind.AWAIT else subject
    return f"{record.kind} {named}"


def _seconds(record: Record, end: datetime) -> float:
    return max(0.0, ((record.finished_at or end) - record.intended_at).total_seconds())


def _bar(record: Record, begin: datetime, total: float, room: int) -> str:
    first = round((record.intended_at - begin).total_seconds() / total * (room - 1))
    last = room - 1
    if record.finished_at:
        last = max(first, round((record.finished_at - begin).total_seconds() / total * (room - 1)))
    body = _MARKS.get(record.kind, "#") * (last - first + 1)
    if not record.finished_at:
        body = body[:-1] + _UNKNOWN
    return f"{' ' * first}{body}".ljust(room)


def _ruler(total: float, room: int) -> str:
    """`0s      10s     20s`: a mark about every twelve characters, at a round number of seconds."""
    rough = total / max(1, room // 12)
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600) if s >= rough), 7200)
    line = [" "] * (room + 8)
    seconds = 0
    while seconds <= total:
        position = round(seconds / total * (room - 1))
        for offset, char in enumerate(f"|{seconds}s"):
            line[position + offset] = char
        seconds += step
    return "".join(line).rstrip()
