"""Stores to test with, and small values to put into them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from adapters.fake.store import FakeStore
from adapters.settings import sqlite_url
from adapters.store.store import SqlStore, open_store
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.inventory import Connection, Host
from lifecycle.journal import Kind, Record, Status
from lifecycle.ledger import Draft
from lifecycle.lock import Owner
from tests.support import postgresql

SHOP = EnvironmentRef("shop", "dev")
BLOG = EnvironmentRef("blog", "prod")
ANNA = Owner("anna", "laptop:1234:1", "boot-1", 100, 5000, "flow-7")
BERT = Owner("bert", "server:5678:1", "boot-2", 200, 6000)
MINUTE = timedelta(minutes=1)
OVER = timedelta(0)
"""A lease that has run out the moment it begins."""
T0 = datetime(2026, 11, 23, 1, 39, 0, 123456, tzinfo=UTC)

AnyStore = FakeStore | SqlStore


@dataclass
class World:
    """Some data, the stores open on it, and who is proven dead."""

    make: Callable[..., AnyStore]
    url: str = ""
    dead: set[Owner] = field(default_factory=set)
    opened: list[AnyStore] = field(default_factory=list)

    def open(self) -> AnyStore:
        ids = count(1)
        store = self.make(gone=self.dead.__contains__, ids=lambda: f"id-{next(ids)}")
        self.opened.append(store)
        return store

    def close(self) -> None:
        for store in self.opened:
            if isinstance(store, SqlStore):
                store.close()


def in_memory() -> World:
    """The data live in one object: opening it again is having it again."""
    world = World(lambda **_: store)
    ids = count(1)
    store = FakeStore(gone=world.dead.__contains__, ids=lambda: f"id-{next(ids)}")
    return world


def at(url: str, directory: Path) -> World:
    """What is at a URL, with its key in a directory."""
    return World(lambda **hooks: open_store(url, key_path=directory / "key", **hooks), url)


def in_sqlite(directory: Path) -> World:
    return at(sqlite_url(directory / "baton.db"), directory)


def in_postgresql(home: Path, directory: Path, template: str = "template1") -> World:
    """A new database of a server whose template1 holds an empty store, and template0 nothing."""
    return at(new_postgresql_url(home, template), directory)


_numbers = count(1)


def new_postgresql_url(home: Path, template: str = "template1") -> str:
    """A new database of that server, an empty store."""
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgresql.url(home, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return postgresql.url(home, name)


def an_environment(ref: EnvironmentRef = SHOP, **changes: Any) -> Environment:
    return replace(Environment(ref, Phase.NEW, T0, T0), **changes)


def a_draft(ref: EnvironmentRef = SHOP, **data: Any) -> Draft:
    return Draft("baton.test", str(ref), T0, data)


def an_intent(subject: str = "network", run: int = 1, kind: Kind = Kind.APPLY, digest: str = "d1") -> Record:
    return Record(kind, subject, digest, run, T0)


def an_outcome(status: Status = Status.OK, *args: Any, message: str = "", **kwargs: Any) -> Record:
    return replace(an_intent(*args, **kwargs), status=status, finished_at=T0 + MINUTE, message=message)


def a_host(name: str, **changes: Any) -> Host:
    return replace(Host(name, "web", f"i-{name}", Connection("10.0.0.5")), **changes)


def everything(store: AnyStore) -> tuple[object, ...]:
    """All that a store holds of the shop."""
    return (
        store.environment(SHOP),
        store.holder(SHOP),
        store.journal(SHOP),
        store.hosts(SHOP),
        list(store.ledger(SHOP)),
        store.revisions(SHOP),
        store.contents(["b"]),
    )
