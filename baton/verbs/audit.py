"""`baton audit`: the ledger as evidence: its heads, whether it is whole, what it says, and a copy to take away."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton import console
from baton.naming import unknown
from baton.options import Json, moment
from baton.views import checked_lines, log_table
from lifecycle.audit import (
    OVERALL,
    BadHead,
    Checked,
    NotAnExport,
    Published,
    check,
    head_text,
    overall_of,
    published,
    read_export,
    whole,
)
from lifecycle.environment import EnvironmentRef, Phase
from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import Broken, LedgerEntry, Unsealed, overall
from lifecycle.report.fields import found_fields

if TYPE_CHECKING:
    from adapters.store.store import SqlStore

app = App(name="audit", help="The ledger as evidence: publish its head, check it, read it, take a copy away.")

Environment = Annotated[str, Parameter(name="--environment", help="Only this one, as BLUEPRINT/NAME. Default: all.")]
Since = Annotated[
    str, Parameter(name="--since", help="From then on: a duration (2h, 3d), or a date or time in ISO 8601 (UTC).")
]
Heads = Annotated[
    list[str] | None,
    Parameter(name="--head", help="A head that was published: ENVIRONMENT@SEQ:HASH or overall:HASH.", negative=""),
]
HeadsFile = Annotated[Path | None, Parameter(name="--heads", help="A file of such heads, a line each.")]
Export = Annotated[
    Path | None, Parameter(name="--file", help="Check this export instead of the store, which is not opened.")
]


@app.command
def head(*, json: Json = False) -> int:
    """Print the head of every environment's chain, and one hash over all heads: keep them where nobody can change them."""
    with _store() as store:
        heads = store.heads()
    if json:
        for chain, (seq, digest) in heads.items():
            console.emit("head", environment=chain, seq=seq, hash=digest)
        console.emit("overall", hash=overall(heads))
        return 0
    for line in (*(head_text(*item) for item in heads.items()), f"{OVERALL}:{overall(heads)}"):
        console.out.print(line, markup=False, soft_wrap=True)
    return 0


@app.command
def verify(
    *,
    environment: Environment = "",
    head: Heads = None,
    heads: HeadsFile = None,
    file: Export = None,
    json: Json = False,
) -> int:
    """Check that nothing in the ledger was changed, dropped or swapped, and nothing cut off that published heads cover.

    Ends with 1 and names the first broken entry of each chain.
    """
    from adapters.registry import ledger_key

    known = published([*(head or ()), *(_lines(heads, BadHead) if heads else ())])
    key = ledger_key(settings_of.load())
    if file:
        checked = _checked(read_export(_lines(file, NotAnExport)), known, key, environment)
    else:
        with _store() as store:
            checked = _checked(_chains(store), known, key, environment)
    now = overall_of(checked)
    differs = bool(known.overall) and known.overall != now and not known.stands_for_its_heads
    if json:
        for one in checked:
            console.emit("chain", environment=one.chain, **found_fields(one.found))
        console.emit("result", whole=whole(checked) and not differs, overall=now, overall_differs=differs)
    else:
        for line in checked_lines(checked) if checked else ["nothing is recorded"]:
            console.out.print(line, soft_wrap=True)
        if differs:
            console.out.print("[bold red]✗[/] the hash over all heads is not the published one", soft_wrap=True)
    return int(ExitCode.OK if whole(checked) and not differs else ExitCode.FAILED)


@app.command
def log(*, environment: Environment = "", since: Since = "", json: Json = False) -> int:
    """Show what the ledger says, oldest first, of one environment or of all. The chains are checked."""
    start = moment(since, datetime.now(UTC)) if since else None
    with _store() as store:
        chains = {name: list(entries) for name, entries in _asked(store, environment).items()}
        key = store.ledger_key
    told = [entry for chain in chains.values() for entry in chain if start is None or _at(entry) >= start]
    told.sort(key=_at)  # stable: entries of one chain keep their order
    if json:
        for entry in told:
            console.emit("entry", environment=entry.chain, seq=entry.seq, hash=entry.hash, event=entry.readable)
    else:
        console.out.print(log_table(told) if told else "nothing is recorded")
    checked = [c for c in check(chains, Published(), key) if not isinstance(c.found, Unsealed)]  # that is for `verify`
    for line in checked_lines(c for c in checked if isinstance(c.found, Broken)):
        console.err.print(line)
    return int(ExitCode.OK if whole(checked) else ExitCode.FAILED)


@app.command
def export(*, environment: Environment = "") -> int:
    """Print every entry as a line of JSON, to be kept elsewhere: `baton audit verify --file` checks it without a store."""
    with _store() as store:
        for entries in _asked(store, environment).values():
            for e in entries:
                console.emit("link", chain=e.chain, seq=e.seq, event=e.event, prev=e.prev, hash=e.hash)
    return 0


@contextmanager
def _store() -> Iterator["SqlStore"]:
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        yield store


def _asked(store: "SqlStore", environment: str) -> Mapping[str, Iterable[LedgerEntry]]:
    """The chains that are asked for. Raises UnknownEnvironment."""
    chains = _chains(store)
    if not environment:
        return chains
    if environment not in chains:
        raise unknown(EnvironmentRef.parse(environment))
    return {environment: chains[environment]}


def _chains(store: "SqlStore") -> Mapping[str, Iterable[LedgerEntry]]:
    """Every chain that is there or should be: no environment comes out of its first phase without an entry."""
    begun = [str(e.ref) for e in store.environments() if e.phase is not Phase.NEW]
    return {name: store.chain(name) for name in (*begun, *store.chains())}


def _checked(
    chains: Mapping[str, Iterable[LedgerEntry]], known: Published, key: bytes, environment: str
) -> Sequence[Checked]:
    if environment:
        chains, known = {environment: chains.get(environment, ())}, known.of(environment)
    return check(chains, known, key)


def _at(entry: LedgerEntry) -> datetime:
    """When the entry was made; the end of time where nobody can read that any more: no `--since` leaves it out."""
    try:
        at = datetime.fromisoformat(str((entry.readable or {}).get("time")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _lines(path: Path, error: type[BatonError]) -> Iterator[str]:
    """The lines of a file, as they are: a damaged one is named by who reads it. Raises the given error."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            yield from file
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror}", hint="name a file that this user may read") from None
