"""The store in memory: same promises, no file. What it is given goes through JSON as it would into a database."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.bundle import Bundle, published
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Record
from lifecycle.ledger import Draft, LedgerEntry, append
from lifecycle.lock import Lock, Owner, locked, lost
from lifecycle.revision import Revision
from lifecycle.sensitive import mask


class FakeStore:
    """ports.Store in memory. `now` is the database's clock; `gone` says whether an owner is proven dead."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        gone: Callable[[Owner], bool] = lambda _: False,
        ids: Callable[[], str] = lambda: str(uuid.uuid4()),
        key: bytes = bytes(range(32)),
    ) -> None:
        self._now, self._gone, self._ids, self._key = now, gone, ids, key
        self._mutex = threading.RLock()
        self._environments: dict[EnvironmentRef, Environment] = {}
        self._locks: dict[EnvironmentRef, Lock] = {}  # the newest of every environment, also when it was given back
        self._held: set[EnvironmentRef] = set()
        self._records: dict[EnvironmentRef, list[Record]] = {}
        self._hosts: dict[EnvironmentRef, tuple[Host, ...]] = {}
        self._chains: dict[EnvironmentRef, tuple[LedgerEntry, ...]] = {}
        self._revisions: dict[EnvironmentRef, tuple[Revision, ...]] = {}
        self._contents: dict[str, bytes] = {}
        self._bundles: tuple[Bundle, ...] = ()

    @property
    def key(self) -> bytes:
        return self._key

    def copy(
        self, *, now: Callable[[], datetime], gone: Callable[[Owner], bool], ids: Callable[[], str]
    ) -> "FakeStore":
        """Another store with the same content: what is written to one does not reach the other."""
        other = FakeStore(now=now, gone=gone, ids=ids, key=self._key)
        with self._mutex:
            other._environments, other._locks, other._held = (
                dict(self._environments),
                dict(self._locks),
                set(self._held),
            )
            other._records = {ref: list(records) for ref, records in self._records.items()}
            other._hosts, other._chains = dict(self._hosts), dict(self._chains)
            other._revisions, other._contents = dict(self._revisions), dict(self._contents)
            other._bundles = self._bundles
        return other

    # Environments

    def environment(self, ref: EnvironmentRef) -> Environment | None:
        return self._environments.get(ref)

    def environments(self) -> Sequence[Environment]:
        with self._mutex:
            return [self._environments[ref] for ref in sorted(self._environments)]

    def start_run(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> Environment:
        with self._fenced(lock, environment):
            stored = self._environments.get(environment.ref)
            started = replace(environment, run=(stored.run if stored else 0) + 1)
            self._write(lock.environment, started, drafts)
        return started

    def transition(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> None:
        with self._fenced(lock, environment):
            self._write(lock.environment, environment, drafts)

    # Lock

    def acquire(self, ref: EnvironmentRef, owner: Owner, *, lease: timedelta) -> Lock:
        with self._mutex:
            now, last = self._now(), self._locks.get(ref)
            if last and ref in self._held and last.expires_at > now and not self._gone(last.owner):
                raise locked(last)
            before = last.owner if last and ref in self._held else None
            lock = Lock(ref, owner, (last.token if last else 0) + 1, now, now + lease, taken_from=before)
            self._locks[ref] = lock
            self._held.add(ref)
            return lock

    def renew(self, lock: Lock, *, lease: timedelta) -> Lock:
        with self._fenced(lock):
            renewed = replace(lock, expires_at=self._now() + lease)
            self._locks[lock.environment] = renewed
            return renewed

    def check(self, lock: Lock) -> None:
        with self._fenced(lock):
            return

    def release(self, lock: Lock) -> None:
        with self._mutex:
            last = self._locks.get(lock.environment)
            if last and last.token == lock.token:
                self._held.discard(lock.environment)

    def holder(self, ref: EnvironmentRef) -> Lock | None:
        with self._mutex:
            last = self._locks.get(ref)
            if last is None or ref not in self._held or last.expires_at <= self._now() or self._gone(last.owner):
                return None
            return last

    def left(self, ref: EnvironmentRef) -> Lock | None:
        with self._mutex:
            last, held = self._locks.get(ref), ref in self._held
            if last is None or (held and last.expires_at > self._now() and not self._gone(last.owner)):
                return None
            return replace(last, given_back=not held)

    # Journal

    def intend(self, lock: Lock, records: Sequence[Record]) -> None:
        if any(record.status is not None for record in records):
            raise ValueError("an intent has no outcome")
        with self._fenced(lock):
            self._records.setdefault(lock.environment, []).extend(map(_kept, records))

    def conclude(self, lock: Lock, records: Sequence[Record], drafts: Sequence[Draft] = ()) -> None:
        if any(record.status is None or record.finished_at is None for record in records):
            raise ValueError("an outcome has a status and an end")
        with self._fenced(lock):
            journal = list(self._records.get(lock.environment, ()))
            for record in map(_kept, records):
                place = _open_intent(journal, record)
                if place is None:
                    journal.append(record)
                else:
                    journal[place] = replace(record, intended_at=journal[place].intended_at)
            entries = self._entries(lock.environment, drafts)
            self._records[lock.environment] = journal
            self._chains[lock.environment] = entries

    def journal(self, ref: EnvironmentRef) -> Journal:
        with self._mutex:
            return Journal.of(self._records.get(ref, ()))

    def runs(self, ref: EnvironmentRef) -> Sequence[int]:
        with self._mutex:
            return sorted({record.run for record in self._records.get(ref, ())})

    def records(self, ref: EnvironmentRef, run: int) -> Sequence[Record]:
        with self._mutex:
            return [record for record in self._records.get(ref, ()) if record.run == run]

    def forget_journal(self, lock: Lock) -> None:
        with self._fenced(lock):
            self._records.pop(lock.environment, None)
            self._hosts.pop(lock.environment, None)
            self._let_go(lock.environment, [one.number for one in self.revisions(lock.environment)])

    # Revisions

    def keep_revision(
        self, lock: Lock, revision: Revision, contents: Mapping[str, bytes], drafts: Sequence[Draft]
    ) -> None:
        with self._fenced(lock):
            known = self._revisions.get(lock.environment, ())
            if any(one.number == revision.number for one in known):
                raise ValueError(f"revision {revision.number} of {lock.environment} is kept already")
            entries = self._entries(lock.environment, drafts)
            kept = replace(revision, inputs=_through_json(revision.inputs), parts=_through_json(revision.parts))
            self._revisions[lock.environment] = (*known, kept)
            self._contents |= contents
            self._chains[lock.environment] = entries

    def drop_files(self, lock: Lock, numbers: Sequence[int]) -> None:
        with self._fenced(lock):
            self._let_go(lock.environment, numbers)

    def revisions(self, ref: EnvironmentRef) -> Sequence[Revision]:
        with self._mutex:
            return sorted(self._revisions.get(ref, ()), key=lambda one: one.number)

    def contents(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        with self._mutex:
            return {one: self._contents[one] for one in digests if one in self._contents}

    def _let_go(self, ref: EnvironmentRef, numbers: Sequence[int]) -> None:
        known = self._revisions.get(ref, ())
        self._revisions[ref] = tuple(replace(one, files={}) if one.number in numbers else one for one in known)
        named = {file.digest for kept in self._revisions.values() for one in kept for file in one.files.values()}
        named |= {file.digest for one in self._bundles for file in one.files.values()}
        self._contents = {one: content for one, content in self._contents.items() if one in named}

    # Bundles

    def publish(self, bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
        with self._mutex:
            known = self.bundles(bundle.name)
            one = published(known, bundle)
            if one not in known:
                self._bundles = (*self._bundles, one)
                self._contents |= contents
            return one

    def bundles(self, name: str = "") -> Sequence[Bundle]:
        with self._mutex:
            return [one for one in sorted(self._bundles, key=lambda one: one.name) if name in ("", one.name)]

    # Hosts

    def save_hosts(self, lock: Lock, hosts: Sequence[Host]) -> None:
        for host in hosts:
            if "PRIVATE KEY" in host.connection.key:
                raise BatonError(
                    f"the connection of host {host.name} holds a private key",
                    hint="name the file that holds the key instead: the key itself is never stored",
                )
        with self._fenced(lock):
            self._hosts[lock.environment] = tuple(
                replace(h, tags=_through_json(h.tags), facts=_through_json(h.facts)) for h in hosts
            )

    def hosts(self, ref: EnvironmentRef) -> Sequence[Host]:
        return list(self._hosts.get(ref, ()))

    # Ledger

    def ledger(self, ref: EnvironmentRef) -> Iterable[LedgerEntry]:
        return iter(self._chains.get(ref, ()))

    def heads(self) -> Mapping[str, tuple[int, str]]:
        with self._mutex:
            return {str(ref): (chain[-1].seq, chain[-1].hash) for ref, chain in sorted(self._chains.items()) if chain}

    @contextmanager
    def _fenced(self, lock: Lock, environment: Environment | None = None) -> Iterator[None]:
        if environment is not None and environment.ref != lock.environment:
            raise ValueError(f"{environment.ref} cannot be written under the lock of {lock.environment}")
        with self._mutex:
            last = self._locks.get(lock.environment)
            held = lock.environment in self._held
            if last is None or not held or last.token != lock.token:
                raise lost(lock, last if held else None)
            yield

    def _write(self, ref: EnvironmentRef, environment: Environment, drafts: Sequence[Draft]) -> None:
        kept = replace(environment, facts=_through_json(environment.facts))
        entries = self._entries(ref, drafts)  # before anything changes: all of it or nothing
        self._environments[ref] = kept
        self._chains[ref] = entries

    def _entries(self, ref: EnvironmentRef, drafts: Sequence[Draft]) -> tuple[LedgerEntry, ...]:
        chain = list(self._chains.get(ref, ()))
        for draft in drafts:
            if draft.subject != str(ref):
                raise ValueError(f"a ledger entry about {draft.subject} under the lock of {ref}")
            head = (chain[-1].seq, chain[-1].hash) if chain else None
            masked = replace(draft, data=mask(draft.data))
            chain.append(append(masked, head=head, event_id=self._ids(), source="baton"))
        return tuple(chain)


def _open_intent(journal: Sequence[Record], record: Record) -> int | None:
    """Place of the newest intent without outcome of the same subject and run."""
    key = (record.kind, record.subject, record.run)
    places = [i for i, r in enumerate(journal) if r.unknown and (r.kind, r.subject, r.run) == key]
    return places[-1] if places else None


def _kept(record: Record) -> Record:
    return replace(record, detail=_through_json(record.detail))


def _through_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping looks like when it comes back from a database."""
    kept: dict[str, Any] = {} if not value else json.loads(json.dumps(mask(value), allow_nan=False))
    return kept
