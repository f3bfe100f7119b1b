"""Tables and lines as a terminal shows them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from baton import console
from lifecycle.asking import question_text
from lifecycle.audit import Checked
from lifecycle.bundle import Bundle
from lifecycle.ends import End, lateness, stands
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.inventory import Host
from lifecycle.journal import Journal
from lifecycle.lease import DOWN_AT, LEASE
from lifecycle.ledger import Broken, LedgerEntry
from lifecycle.lock import Lock
from lifecycle.recurring import RECURRING, zone_of
from lifecycle.report.fields import check_fields, revision_fields
from lifecycle.report.words import age, counted, lease_text, look_again, next_command, passed
from lifecycle.revision import Revision

_STYLES = {
    Phase.READY: "green",
    Phase.WAITING: "yellow",
    Phase.FAILED: "red",
    Phase.QUARANTINED: "red",
    Phase.DESTROYED: "dim",
    Phase.NEW: "dim",
}
_PLAN_STYLES = {"+": "green", "-": "red", "±": "magenta", "~": "yellow"}


def phase_text(phase: Phase) -> Text:
    return Text(phase.label, style=_STYLES.get(phase, "cyan"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def environments_table(rows: Iterable[tuple[Environment, Sequence[Host], Journal]], now: datetime) -> RenderableType:
    """Every environment on a line."""
    table = _table("environment", "phase", "age", "hosts", "checks", "cloud", "message")
    for e, hosts, journal in rows:
        checks = passed([c["passed"] for c in check_fields(journal)])
        message = Text(e.message, overflow="ellipsis", no_wrap=True)
        table.add_row(
            str(e.ref), phase_text(e.phase), age(e.created_at, now), str(len(hosts)), checks, e.cloud, message
        )
    return table


def environment_lines(
    e: Environment, hosts: Sequence[Host], journal: Journal, holder: Lock | None, now: datetime
) -> Iterator[RenderableType]:
    """One environment, as much as fits a screen: where it stands, its hosts, its last checks, what to do next."""
    yield Text.assemble(
        (str(e.ref), "bold"), "  ", phase_text(e.phase), (f"  run {e.run}, {age(e.created_at, now)} old", "dim")
    )
    if e.message:
        yield Text(f"  {e.message}", style="red" if e.phase is Phase.FAILED else "")
    if holder:
        yield Text(f"  being worked on by {holder.owner} since {age(holder.acquired_at, now)}", style="cyan")
    yield from (Text(f"  {line}", style="yellow") for line in question_text(e, now))
    if {LEASE, DOWN_AT, RECURRING} & e.facts.keys():
        yield from (Text(f"  {line}", style="yellow") for line in lease_text(e, now))
    if hosts:
        yield ""
        yield hosts_table(hosts)
    checks = check_fields(journal)
    if checks:
        yield ""
        yield checks_table(checks, e.run, now)
        if old := sum(c["run"] != e.run for c in checks):
            yield Text(
                f"  run {e.run} did not come to {old} of {counted(len(checks), 'check')}: these are older looks",
                style="dim",
            )
    yield ""
    if e.phase is Phase.FAILED and (look := look_again(e, journal, hosts)):
        yield Text(f"see:  {look}", style="dim")
    yield Text(f"next: {next_command(e)}", style="dim")


def ends_table(rows: Iterable[tuple[Environment, End, bool | None]], now: datetime) -> RenderableType:
    """A line per end: in the zone that it was said in, in UTC, whether the engine shows it, how the last one went."""
    table = _table("environment", "phase", "why", "when", "UTC", "in the UI", "last done")
    for place in (0, 3, 4):
        table.columns[place].no_wrap = True
    for e, end, shown in rows:
        local = end.at.astimezone(zone_of(end.zone))
        what = f"{end.kind} {end.cron}".strip() + (f" by {end.by}" if end.by else "")
        when = f"{local:%a %Y-%m-%d %H:%M} {end.zone}" + (" (due)" if end.at <= now and stands(e) else "")
        visible = "-" if not stands(e) else {True: "yes", False: "no", None: "?"}[shown]
        done = f"{end.done:%Y-%m-%d %H:%M}{lateness(end.done - end.late, end.done)}" if end.done else "-"
        table.add_row(str(e.ref), phase_text(e.phase), Text(what), when, f"{end.at:%Y-%m-%d %H:%M}", visible, done)
    return table


def hosts_table(hosts: Iterable[Host]) -> RenderableType:
    """Name, address, groups, id."""
    table = _table("host", "stack", "groups", "private", "public", "id")
    for h in hosts:
        private = str(h.facts.get("private_address") or h.connection.address)
        table.add_row(h.name, h.stack, ",".join(h.groups), private, str(h.facts.get("public_address") or "-"), h.id)
    return table


def inventory_table(found: Iterable[tuple[EnvironmentRef, Host]]) -> RenderableType:
    """Hosts of several environments."""
    table = _table("environment", "host", "stack", "groups", "address", "id", "host key")
    for ref, h in found:
        key = h.host_key.split()[-1][-12:] if h.host_key else "not trusted yet"
        table.add_row(str(ref), h.name, h.stack, ",".join(h.groups), h.connection.address, h.id, f"…{key}")
    return table


def checks_table(checks: Iterable[dict[str, Any]], run: int, now: datetime) -> RenderableType:
    """The last look of every check and how long ago it was; dimmed, with its run, where the last run did not come to it."""
    table = _table("check", "", "ago", "evidence")
    for check in checks:
        old = check["run"] != run
        mark = Text("✓", "green") if check["passed"] else Text("✗", "red")
        ago = age(datetime.fromisoformat(check["at"]), now) if check["at"] else "-"
        when = f"{ago} (run {check['run']})" if old else ago
        table.add_row(check["name"], mark, when, Text(check["message"]), style="dim" if old else "")
    return table


def plan_line(line: str) -> str:
    """A line of a plan with the colour of its symbol."""
    style = _PLAN_STYLES.get(line.strip()[:1], "") if line.startswith("  ") else "bold"
    return f"[{style}]{escape(line)}[/]" if style else escape(line)


def named(step: str, names: Mapping[str, str]) -> str:
    """A step's key with hosts' names in place of their ids: `configure:web@web-1,web-2`. `names` maps ids to names."""
    head, mark, last = re.fullmatch(r"(?:(.*)([:@]))?([^:@]*)", step, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    return head + mark + ",".join(names.get(word, word) for word in last.split(","))


def history_table(entries: Iterable[LedgerEntry], names: Mapping[str, str]) -> RenderableType:
    """A line per ledger entry. `names` maps host ids to names."""
    table = _table("at", "run", "what", "how")
    for entry in entries:
        at, run, what, how = _told(entry, names)
        table.add_row(at, run, what, Text(_short(how.plain)))
    return table


def log_table(entries: Iterable[LedgerEntry]) -> RenderableType:
    """A line per ledger entry, of any environment."""
    table = _table("at", "environment", "entry", "run", "what", "how")
    table.columns[0].no_wrap = True
    for entry in entries:
        at, run, what, how = _told(entry, {})
        table.add_row(at, console.printable(entry.chain), str(entry.seq), run, what, how)
    return table


def _told(entry: LedgerEntry, names: Mapping[str, str]) -> tuple[str, str, Text, Text]:
    """At, run, what, how. An entry whose text somebody changed has no `data`, or not this one."""
    event = entry.readable or {}
    data = event["data"] if isinstance(event.get("data"), dict) else {}
    kind = str(event.get("type", "cannot be read"))
    if kind == "baton.environment.phase":
        what, how = f"{data.get('from')} → {data.get('to')}".replace("_", " "), data.get("message", "")
    else:
        what = named(str(data.get("step", kind)), names)
        how = f"{data.get('status', '')} {data.get('message', '')}".strip()
    at = str(event.get("time", ""))[:19].replace("T", " ")
    cells = [console.printable(str(text)) for text in (at, data.get("run", ""), what, how)]
    return cells[0], cells[1], Text(cells[2]), Text(cells[3])


def revisions_table(revisions: Sequence[Revision], facts: Mapping[str, Any]) -> RenderableType:
    """A line per revision; the current one is marked."""
    columns = ["", "revision", "at", "by", "ready", "changed", "inputs"]
    from_elsewhere = any(one.source for one in revisions)
    table = _table(*columns, *(["from"] if from_elsewhere else []))
    before = None
    for one in revisions:
        fields = revision_fields(one, before, facts)
        inputs = " ".join(f"{name}={value}" for name, value in one.inputs.items())
        what = ", ".join(fields["changed"]) + ("" if fields["kept"] else " (files not kept)")
        mark = Text("→", "cyan") if fields["current"] else ""
        ready = Text("✓", "green") if fields["ready"] else Text("-", "dim")
        row = [mark, str(one.number), f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, ready, Text(what), Text(inputs)]
        table.add_row(*row, *([Text(one.source)] if from_elsewhere else []))
        before = one
    return table


def bundles_table(bundles: Sequence[Bundle]) -> RenderableType:
    """A line per version of a bundle."""
    table = _table("reference", "at", "by", "files")
    for one in bundles:
        table.add_row(Text(one.reference), f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, str(len(one.files)))
    return table


def prices_table(rows: Iterable[tuple[str, ...]]) -> RenderableType:
    """A line per price."""
    table = _table("region", "kind", "name", "price", "per")
    table.columns[3].justify = "right"
    for row in rows:
        table.add_row(*row)
    return table


def checked_lines(checked: Iterable[Checked]) -> Iterator[Text]:
    """A line per chain: whole, or where it breaks."""
    for chain, found in ((console.printable(c.chain), c.found) for c in checked):
        if isinstance(found, Broken):
            reason = console.printable(found.reason)
            yield Text.assemble(("✗", "bold red"), f" {chain} is broken at entry {found.seq}: {reason}")
        else:
            noun = "entry" if found[0] == 1 else "entries"
            yield Text.assemble(("✓", "green"), f" {chain} is whole: {found[0]} {noun}", (f"  {found[1]}", "dim"))


LONGEST: Final = 160
"""Characters of one entry's words in the history: it is for looking over. The log and the status have them all."""


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
