"""The key of a store that several machines share: all must have the same one, and the database knows its fingerprint."""

import hashlib
import hmac
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from adapters.store.engine import Database
from adapters.store.failures import StoreError
from adapters.store.key import load_or_make
from adapters.store.schema import store_key
from lifecycle.errors import ExitCode

_SAME: Final = "give every machine the same file (0600): copy it from one that works with this store, or name it with BATON_STORE_KEY"


class WrongKey(StoreError):
    """This machine does not have the key of the store that it shares."""

    exit_code = ExitCode.USAGE


def agreed_key(database: Database, path: Path) -> bytes:
    """The key in a file, if it is the one that all machines have. Who comes first decides which; he alone may make one.

    Raises WrongKey, and StoreError where the file is not a key, or is readable by others.
    """
    known = _known(database)
    if known and not path.exists():
        raise WrongKey(
            f"the key of the store at {database.place.text} is not on this machine: there is no {path}", hint=_SAME
        )
    key = load_or_make(path)
    mine = fingerprint(key)
    if known is None:
        known = _agree(database, mine)
    if known != mine:
        raise WrongKey(f"{path} is not the key of the store at {database.place.text}", hint=_SAME)
    return key


def fingerprint(key: bytes) -> str:
    """What tells one key from another, and nothing else about it."""
    return hmac.new(key, b"baton: the store's key", hashlib.sha256).hexdigest()[:32]


def _known(database: Database) -> str | None:
    with database.read() as connection:
        return connection.scalar(sa.select(store_key.c.fingerprint))


def _agree(database: Database, mine: str) -> str:
    first = sa.text("INSERT INTO baton_key (fingerprint, one) VALUES (:mine, true) ON CONFLICT DO NOTHING")
    with database.write() as connection:
        connection.execute(first, {"mine": mine})
        return str(connection.scalars(sa.select(store_key.c.fingerprint)).one())
