"""A process's way to the store: before and after each of its writes is a moment; a dead process reads and writes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from adapters.fake.store import FakeStore
from lifecycle.bundle import Bundle
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Record
from lifecycle.ledger import Draft, LedgerEntry
from lifecycle.lock import Lock, Owner
from lifecycle.revision import Revision

T = TypeVar("T")


class Witness(Protocol):
    """Who is told of each moment of the store, and may end there."""

    def before(self, what: str) -> None: ...
    def after(self, what: str) -> None: ...
    def lives(self) -> None:
        """Raises where the process is dead."""
        ...

    def says(self, environment: Environment) -> None:
        """Told of what is about to be written of the environment."""
        ...


class Handle:
    """ports.Store of one process."""

    def __init__(self, store: FakeStore, witness: Witness) -> None:
        self._store, self._witness = store, witness

    # --- writes

    def acquire(self, ref: EnvironmentRef, owner: Owner, *, lease: timedelta) -> Lock:
        return self._write("acquire", lambda: self._store.acquire(ref, owner, lease=lease))

    def renew(self, lock: Lock, *, lease: timedelta) -> Lock:
        return self._write("renew", lambda: self._store.renew(lock, lease=lease))

    def release(self, lock: Lock) -> None:
        self._write("release", lambda: self._store.release(lock))

    def start_run(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> Environment:
        return self._write("start_run", lambda: self._store.start_run(lock, environment, drafts))

    def transition(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> None:
        self._witness.says(environment)
        self._write(f"transition {environment.phase}", lambda: self._store.transition(lock, environment, drafts))

    def intend(self, lock: Lock, records: Sequence[Record]) -> None:
        self._write(f"intend {_named(records)}", lambda: self._store.intend(lock, records))

    def conclude(self, lock: Lock, records: Sequence[Record], drafts: Sequence[Draft] = ()) -> None:
        self._write(f"conclude {_named(records)}", lambda: self._store.conclude(lock, records, drafts))

    def save_hosts(self, lock: Lock, hosts: Sequence[Host]) -> None:
        self._write("save_hosts", lambda: self._store.save_hosts(lock, hosts))

    def forget_journal(self, lock: Lock) -> None:
        self._write("forget_journal", lambda: self._store.forget_journal(lock))

    def keep_revision(
        self, lock: Lock, revision: Revision, contents: Mapping[str, bytes], drafts: Sequence[Draft]
    ) -> None:
        self._write("keep_revision", lambda: self._store.keep_revision(lock, revision, contents, drafts))

    def drop_files(self, lock: Lock, numbers: Sequence[int]) -> None:
        self._write("drop_files", lambda: self._store.drop_files(lock, numbers))

    def _write(self, what: str, write: Callable[[], T]) -> T:
        self._witness.before(what)
        done = write()
        self._witness.after(what)
        return done

    # --- reads

    def revisions(self, ref: EnvironmentRef) -> Sequence[Revision]:
        return self._read().revisions(ref)

    def publish(self, bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
        return self._read().publish(bundle, contents)

    def bundles(self, name: str = "") -> Sequence[Bundle]:
        return self._read().bundles(name)

    def contents(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        return self._read().contents(digests)

    @property
    def key(self) -> bytes:
        return self._read().key

    def check(self, lock: Lock) -> None:
        self._read().check(lock)

    def environment(self, ref: EnvironmentRef) -> Environment | None:
        return self._read().environment(ref)

    def environments(self) -> Sequence[Environment]:
        return self._read().environments()

    def holder(self, ref: EnvironmentRef) -> Lock | None:
        return self._read().holder(ref)

    def left(self, ref: EnvironmentRef) -> Lock | None:
        return self._read().left(ref)

    def journal(self, ref: EnvironmentRef) -> Journal:
        return self._read().journal(ref)

    def runs(self, ref: EnvironmentRef) -> Sequence[int]:
        return self._read().runs(ref)

    def records(self, ref: EnvironmentRef, run: int) -> Sequence[Record]:
        return self._read().records(ref, run)

    def hosts(self, ref: EnvironmentRef) -> Sequence[Host]:
        return self._read().hosts(ref)

    def ledger(self, ref: EnvironmentRef) -> Iterable[LedgerEntry]:
        return self._read().ledger(ref)

    def heads(self) -> Mapping[str, tuple[int, str]]:
        return self._read().heads()

    def _read(self) -> FakeStore:
        self._witness.lives()
        return self._store


def _named(records: Sequence[Record]) -> str:
    return ", ".join(f"{r.kind}:{r.subject}" for r in records)
