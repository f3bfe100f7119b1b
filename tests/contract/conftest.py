"""What the contract suites share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.store.store import open_store
from tests.support import postgresql


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The socket directory of a server of the session's own, whose template1 holds an empty store."""
    try:
        with postgresql.server() as home:
            open_store(postgresql.url(home, "template1"), key_path=home / "key").close()
            yield home
    except postgresql.Unavailable as why:
        pytest.skip(str(why))
