"""What was made for environments, kept where every machine of a shared store finds it: names and texts, sealed.

A text is encrypted with AES-256-GCM under a key that HKDF derives from the store's; its environment and name are bound to it,
so that one cannot be put in another's place. Who reads the database, or a backup of it, reads none of them.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store.engine import Database
from adapters.store.failures import StoreError
from adapters.store.schema import kept
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import ExitCode

_NONCE: Final = 12
"""Bytes before each sealed text."""
_MAKING: Final = (
    0x6B657074  # "kept": with the environment's hash, the PostgreSQL advisory lock under which things are made
)


class Unreadable(StoreError):
    """Something in the store cannot be opened with this key."""

    exit_code = ExitCode.USAGE


class Shelf:
    """The sealed texts of every environment. `key` gives the store's key, asked when it is first needed."""

    def __init__(self, database: Database, key: Callable[[], bytes]) -> None:
        self._database = database
        self._key = key

    @contextmanager
    def opened(self, environment: EnvironmentRef) -> Iterator[MutableMapping[str, str]]:
        """Name → text of an environment, for one process of all machines at a time. What is changed in it is kept at the end.

        Raises Unreadable, WrongKey.
        """
        seal, ref = _Seal(self._key()), str(environment)
        with self._database.write() as connection:
            _alone(connection, ref)
            rows = connection.execute(sa.select(kept).where(kept.c.environment == ref))
            before = {row.name: seal.open(ref, row.name, row.sealed) for row in rows}
            held = dict(before)
            yield held
            _write(connection, ref, before, held, seal)

    def environments(self) -> set[str]:
        """The environments for which something is kept, as BLUEPRINT/NAME."""
        with self._database.read() as connection:
            return set(connection.scalars(sa.select(kept.c.environment).distinct()))


def forget(connection: Connection, ref: EnvironmentRef) -> None:
    """Drop what is kept for an environment."""
    connection.execute(kept.delete().where(kept.c.environment == str(ref)))


def _alone(connection: Connection, ref: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:ref, :made))"), {"ref": ref, "made": _MAKING}
        )


def _write(
    connection: Connection, ref: str, before: Mapping[str, str], after: Mapping[str, str], seal: "_Seal"
) -> None:
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    if not changed:
        return
    connection.execute(kept.delete().where(kept.c.environment == ref, kept.c.name.in_(changed)))
    rows = [
        {"environment": ref, "name": name, "sealed": seal.close(ref, name, after[name])}
        for name in changed
        if name in after
    ]
    if rows:
        connection.execute(kept.insert(), rows)


class _Seal:
    """Closes and opens texts with what is derived from the store's key."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives import hashes  # slow to import, and only runs need it
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self._cipher = AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=b"baton: kept secrets").derive(key))

    def close(self, ref: str, name: str, text: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, text.encode(), _about(ref, name))

    def open(self, ref: str, name: str, sealed: bytes) -> str:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _about(ref, name)).decode()
        except InvalidTag:
            raise Unreadable(
                f"'{name}' of {ref} in the store cannot be opened with this machine's key, or was changed",
                hint="put the key back with which it was written (BATON_STORE_KEY), or restore the database",
            ) from None


def _about(ref: str, name: str) -> bytes:
    return f"{ref}\0{name}".encode()
