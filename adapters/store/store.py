"""The store over SQLAlchemy: SQLite by default, PostgreSQL by URL."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from sqlalchemy.engine import Connection

from adapters.store import bundles, certificates, environments, journal, key, ledger, locks, migrate, revisions, shelf
from adapters.store.agreed import agreed_key
from adapters.store.engine import Database, connect
from lifecycle.bundle import Bundle
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Record
from lifecycle.ledger import Draft, LedgerEntry
from lifecycle.lock import Lock, Owner, locked
from lifecycle.revision import Revision


def never_gone(_: Owner) -> bool:
    """Nobody is known to be gone: a lock is free when it is released or its lease has run out."""
    return False


def new_id() -> str:
    return str(uuid.uuid4())


def open_store(
    url: str,
    *,
    key_path: Path,
    gone: Callable[[Owner], bool] = never_gone,
    ids: Callable[[], str] = new_id,
    ledger_key: bytes = b"",
) -> "SqlStore":
    """The store at a URL, its tables created or brought up to date.

    `gone` says whether the owner of a lock is proven dead; it must be quick and must not raise. `ids` names ledger
    entries, `ledger_key` seals them. Raises StoreError, NewerSchemaError.
    """
    database = connect(url)
    try:
        migrate.ensure(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, key_path=key_path, gone=gone, ids=ids, ledger_key=ledger_key)


class SqlStore:
    """ports.Store in a database. May be used from several threads; a process makes its own after a fork."""

    def __init__(
        self,
        database: Database,
        *,
        key_path: Path,
        gone: Callable[[Owner], bool],
        ids: Callable[[], str],
        ledger_key: bytes = b"",
    ) -> None:
        self._database = database
        self._key_path = key_path
        self._gone = gone
        self._ids = ids
        self.ledger_key = ledger_key

    @property
    def place(self) -> str:
        """Where the store is, without a password."""
        return self._database.place.text

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "SqlStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shared(self) -> bool:
        """Whether several machines may work with it: then nothing that another one needs may lie on this machine alone."""
        return self._database.shared

    @cached_property
    def key(self) -> bytes:
        """Raises WrongKey where the other machines of a shared store have another one."""
        return agreed_key(self._database, self._key_path) if self.shared else key.load_or_make(self._key_path)

    @cached_property
    def shelf(self) -> shelf.Shelf:
        """What was made for environments, sealed with the store's key."""
        return shelf.Shelf(self._database, lambda: self.key)

    # Environments

    def environment(self, ref: EnvironmentRef) -> Environment | None:
        with self._database.read() as connection:
            return environments.get(connection, ref)

    def environments(self) -> Sequence[Environment]:
        with self._database.read() as connection:
            return environments.all_of_them(connection)

    def start_run(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> Environment:
        """Counts on from the run that is stored, whatever the given environment says. Raises WrongSeal."""
        with self._fenced(lock, environment) as connection:
            ledger.head_to_follow(
                connection, lock.environment, self.ledger_key
            )  # a run that could not be recorded does not begin
            stored = environments.get(connection, environment.ref)
            started = replace(environment, run=(stored.run if stored else 0) + 1)
            environments.put(connection, started)
            ledger.add(connection, lock.environment, drafts, self._ids, self.ledger_key)
        return started

    def transition(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> None:
        with self._fenced(lock, environment) as connection:
            environments.put(connection, environment)
            ledger.add(connection, lock.environment, drafts, self._ids, self.ledger_key)

    # Lock

    def acquire(self, ref: EnvironmentRef, owner: Owner, *, lease: timedelta) -> Lock:
        proven_gone: int | None = None
        while True:
            with self._database.write() as connection:
                lock = locks.take(connection, ref, owner, lease, gone=proven_gone)
                if lock is not None:
                    return lock
                holder = locks.current(connection, ref)
            if not self._gone(holder.owner):  # asked outside of the transaction: nobody waits for the answer
                raise locked(holder)
            proven_gone = holder.token

    def renew(self, lock: Lock, *, lease: timedelta) -> Lock:
        with self._database.write() as connection:
            return locks.renew(connection, lock, lease)

    def check(self, lock: Lock) -> None:
        with self._database.read() as connection:
            locks.check(connection, lock)

    def release(self, lock: Lock) -> None:
        with self._database.write() as connection:
            locks.release(connection, lock)

    def holder(self, ref: EnvironmentRef) -> Lock | None:
        with self._database.read() as connection:
            held = locks.holder(connection, ref)
        return None if held is None or self._gone(held.owner) else held

    def left(self, ref: EnvironmentRef) -> Lock | None:
        with self._database.read() as connection:
            last = locks.last(connection, ref)
        if last is None or (last[1] and not self._gone(last[0].owner)):
            return None
        return last[0]

    # Journal

    def intend(self, lock: Lock, records: Sequence[Record]) -> None:
        with self._fenced(lock) as connection:
            journal.intend(connection, lock.environment, records)

    def conclude(self, lock: Lock, records: Sequence[Record], drafts: Sequence[Draft] = ()) -> None:
        with self._fenced(lock) as connection:
            journal.conclude(connection, lock.environment, records)
            ledger.add(connection, lock.environment, drafts, self._ids, self.ledger_key)

    def journal(self, ref: EnvironmentRef) -> Journal:
        with self._database.read() as connection:
            return Journal.of(journal.latest(connection, ref))

    def runs(self, ref: EnvironmentRef) -> Sequence[int]:
        """The numbers of the runs that the journal still knows, ascending."""
        with self._database.read() as connection:
            return journal.runs(connection, ref)

    def records(self, ref: EnvironmentRef, run: int) -> Sequence[Record]:
        """Every record of a run, in the order of their writing."""
        with self._database.read() as connection:
            return journal.of_run(connection, ref, run)

    def forget_journal(self, lock: Lock) -> None:
        with self._fenced(lock) as connection:
            journal.forget(connection, lock.environment)
            environments.put_hosts(connection, lock.environment, ())
            revisions.drop_files(connection, lock.environment)
            shelf.forget(connection, lock.environment)

    # Certificates

    def keep_certificate(self, ref: EnvironmentRef, run: int, text: str) -> None:
        with self._database.write() as connection:
            certificates.keep(connection, str(ref), run, text)

    def certificate(self, ref: EnvironmentRef, run: int) -> str | None:
        """The text of a teardown's certificate; None where the store has none."""
        with self._database.read() as connection:
            return certificates.read(connection, str(ref), run)

    # Revisions

    def keep_revision(
        self, lock: Lock, revision: Revision, contents: Mapping[str, bytes], drafts: Sequence[Draft]
    ) -> None:
        with self._fenced(lock) as connection:
            revisions.keep(connection, lock.environment, revision, contents)
            ledger.add(connection, lock.environment, drafts, self._ids, self.ledger_key)

    def drop_files(self, lock: Lock, numbers: Sequence[int]) -> None:
        with self._fenced(lock) as connection:
            revisions.drop_files(connection, lock.environment, numbers)

    def revisions(self, ref: EnvironmentRef) -> Sequence[Revision]:
        with self._database.read() as connection:
            return revisions.of_environment(connection, ref)

    def contents(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        with self._database.read() as connection:
            return revisions.read_contents(connection, digests)

    # Bundles

    def publish(self, bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
        with self._database.write() as connection:
            return bundles.publish(connection, bundle, contents)

    def bundles(self, name: str = "") -> Sequence[Bundle]:
        with self._database.read() as connection:
            return bundles.of_name(connection, name)

    # Hosts

    def save_hosts(self, lock: Lock, hosts: Sequence[Host]) -> None:
        with self._fenced(lock) as connection:
            environments.put_hosts(connection, lock.environment, hosts)

    def hosts(self, ref: EnvironmentRef) -> Sequence[Host]:
        with self._database.read() as connection:
            return environments.get_hosts(connection, ref)

    # Ledger

    def ledger(self, ref: EnvironmentRef) -> Iterable[LedgerEntry]:
        return self.chain(str(ref))

    def chain(self, name: str) -> Iterable[LedgerEntry]:
        """The same by the chain's name, which may have been changed into something that is no environment's."""
        return ledger.read(self._database, name)

    def chains(self) -> Sequence[str]:
        """The names of all chains."""
        with self._database.read() as connection:
            return ledger.chains(connection)

    def heads(self) -> Mapping[str, tuple[int, str]]:
        """The head (seq, hash) of every chain. `lifecycle.ledger.overall` makes one hash of them."""
        with self._database.read() as connection:
            return ledger.heads(connection)

    @contextmanager
    def _fenced(self, lock: Lock, environment: Environment | None = None) -> Iterator[Connection]:
        """A writing transaction under a lock that is still good. Raises LostLock before anything is written."""
        if environment is not None and environment.ref != lock.environment:
            raise ValueError(f"{environment.ref} cannot be written under the lock of {lock.environment}")
        with self._database.write() as connection:
            locks.fence(connection, lock)
            yield connection
