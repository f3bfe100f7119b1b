"""What the contract suites share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.store.store import open_store
from tests.support import postgresql
from tests.support.stores import AnyStore, World, in_memory, in_postgresql, in_sqlite


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The socket directory of a server of the session's own, whose template1 holds an empty store."""
    try:
        with postgresql.server() as home:
            open_store(postgresql.url(home, "template1"), key_path=home / "key").close()
            yield home
    except postgresql.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A place for a store, of every kind."""
    match request.param:
        case "fake":
            world = in_memory()
        case "sqlite":
            world = in_sqlite(tmp_path)
        case _:
            world = in_postgresql(request.getfixturevalue("postgresql_server"), tmp_path)
    yield world
    world.close()


@pytest.fixture
def store(world: World) -> AnyStore:
    """An empty store there."""
    return world.open()
