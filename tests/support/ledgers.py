"""Ledgers in real store files, and what somebody with access to the file does to them."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters import settings
from adapters.registry import open_store
from lifecycle.environment import EnvironmentRef, Phase
from lifecycle.ledger import Draft, link_hash
from tests.support.stores import ANNA, MINUTE, T0, an_environment

TRIGGERS = ("baton_ledger_no_update", "baton_ledger_no_delete", "baton_ledger_no_replace")

Say = Callable[..., tuple[int, str, str]]
"""Runs a command line: its exit code, what it said on stdout and on stderr."""
Sql = Callable[..., None]
"""Runs SQL on the store's file without its guards."""


def write(ref: EnvironmentRef, *numbers: int) -> None:
    """Entries of a run, with their numbers in them, an hour apart."""
    with open_store(settings.load()) as store:
        lock = store.acquire(ref, ANNA, lease=MINUTE)
        drafts = [Draft("baton.test", str(ref), T0 + n * 60 * MINUTE, {"n": n, "run": 1}) for n in numbers]
        store.start_run(lock, an_environment(ref, phase=Phase.READY), drafts)
        store.release(lock)


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def rewritten(home: Path) -> list[str]:
    """Statements that write shop/dev anew from entry 3 on, with right hashes: what needs no key anybody can do."""
    with closing(sqlite3.connect(home / "baton.db")) as connection:
        rows = connection.execute(
            "SELECT seq, event, prev FROM baton_ledger WHERE chain = 'shop/dev' ORDER BY seq"
        ).fetchall()
    statements, prev = [], rows[2][2]
    for seq, event, _ in rows[2:]:
        value = json.loads(event) | {"data": {"n": 70 + seq, "run": 1}}
        value.pop("seal", None)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        digest = link_hash(prev, seq, text)
        where = f"WHERE chain = 'shop/dev' AND seq = {seq}"
        statements.append(f"UPDATE baton_ledger SET event = '{text}', prev = '{prev}', hash = '{digest}' {where}")
        prev = digest
    return statements


def checked(baton: Say, path: Path, lines: Sequence[str], *words: str) -> tuple[int, str, str]:
    path.write_text("".join(lines), encoding="utf-8")
    return baton("audit", "verify", "--file", str(path), *words)
