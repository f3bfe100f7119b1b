"""A store file with a ledger, the command line, and somebody who changes the file behind its back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from baton.__main__ import run
from tests.support.ledgers import TRIGGERS, Say, Sql, write
from tests.support.stores import BLOG, SHOP


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose store holds five entries of shop/dev and two of blog/prod."""
    home = tmp_path / "home"
    monkeypatch.setenv("BATON_HOME", str(home))
    write(SHOP, *range(1, 6))
    write(BLOG, 1, 2)
    return home


@pytest.fixture
def attack(home: Path) -> Sql:
    """Runs SQL on the store's file once its guards are gone."""

    def attack(*statements: str) -> None:
        with closing(sqlite3.connect(home / "baton.db")) as connection, connection:
            for trigger in TRIGGERS:
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    return attack


@pytest.fixture
def baton(capsys: pytest.CaptureFixture[str]) -> Say:
    def baton(*words: str) -> tuple[int, str, str]:
        code = run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return baton


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    monkeypatch.setenv("BATON_LEDGER_KEY", str(path))
    return path
