"""A store that several machines share: one key, and what is made for an environment is the same on each and nowhere in clear."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.secrets import Secrets
from adapters.secrets.errors import SecretMissing
from adapters.store.agreed import WrongKey
from adapters.store.shelf import Unreadable
from adapters.store.store import SqlStore, open_store
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import ExitCode
from tests.support.stores import ANNA, MINUTE, SHOP, new_postgresql_url

OTHER = EnvironmentRef("shop", "prod")
NAMES = "certificate:shop.example.com"


@dataclass
class Machine:
    """A home of its own, and the store."""

    home: Path
    store: SqlStore

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.home / "environments", now=lambda: datetime.now(UTC), shelf=self.store.shelf)

    @property
    def folder(self) -> Path:
        return self.home / "environments" / SHOP.blueprint / SHOP.name


@pytest.fixture
def url(postgresql_server: Path) -> str:
    return new_postgresql_url(postgresql_server)


def machine(url: str, home: Path, key: bytes | None) -> Machine:
    home.mkdir(exist_ok=True)
    if key is not None:
        (home / "store.key").write_bytes(key)
        (home / "store.key").chmod(0o600)
    return Machine(home, open_store(url, key_path=home / "store.key"))


@pytest.fixture
def machines(url: str, tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    both = machine(url, tmp_path / "a", b"k" * 32), machine(url, tmp_path / "b", b"k" * 32)
    yield both
    for one in both:
        one.store.close()


def everything(one: Machine) -> list[object]:
    secrets = one.secrets
    public = secrets.kept.ssh_key(SHOP)[1]
    return [
        secrets.resolve(SHOP, "db", "generate:24"),
        secrets.resolve(SHOP, "tls", NAMES),
        secrets.kept.authority(SHOP),
        public,
        (one.folder / "ssh_ed25519").read_text(),
    ]


def test_what_one_machine_made_is_what_the_other_finds(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    made = everything(first)
    assert everything(second) == made
    assert (second.folder / "ca.pem").read_text() == made[2]
    assert second.secrets.resolve(OTHER, "db", "generate:24") != made[0]


def test_two_machines_that_make_it_at_once_get_the_same(machines: tuple[Machine, Machine]) -> None:
    found: list[list[object]] = []
    threads = [threading.Thread(target=lambda m=m: found.append(everything(m))) for m in machines for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert all(one == found[0] for one in found)


def test_nothing_of_it_is_in_the_database_in_clear(url: str, machines: tuple[Machine, Machine]) -> None:
    value, tls, _, _, key = map(str, everything(machines[0]))
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [row for t in tables for row in connection.execute(sa.text(f"SELECT * FROM {t}")).all()]
    engine.dispose()
    held = b"\0".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)
    assert b"secrets.json" in held, "the names are there, so this looked in the right place"
    for secret in (value, *tls.split("\n")[1:3], *key.split("\n")[1:3]):
        assert len(secret) > 20
        assert secret.encode() not in held


def test_it_goes_with_the_journal_and_the_other_machines_copies_go_with_its_next_look(
    machines: tuple[Machine, Machine],
) -> None:
    first, second = machines
    made = everything(first), everything(second)
    lock = first.store.acquire(SHOP, ANNA, lease=MINUTE)
    first.store.forget_journal(lock)
    first.secrets.forget(SHOP)
    assert not first.folder.exists()
    second.secrets.kept.sweep()
    assert not second.folder.exists()
    assert everything(second)[0] != made[0][0]


def test_a_machine_that_missed_the_end_makes_nothing_of_its_old_copies(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    old = everything(second)
    first.store.forget_journal(first.store.acquire(SHOP, ANNA, lease=MINUTE))
    new = everything(second)
    assert not set(map(str, old)) & set(map(str, new))
    assert everything(first) == new


def test_what_lay_on_a_machine_before_the_store_was_shared_is_taken_over(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    before = Secrets(first.home / "environments")
    value, key = before.resolve(SHOP, "db", "generate:24"), before.kept.ssh_key(SHOP)[1]
    assert first.secrets.resolve(SHOP, "db", "generate:24") == value
    assert (second.secrets.resolve(SHOP, "db", "generate:24"), second.secrets.kept.ssh_key(SHOP)[1]) == (value, key)


def test_what_could_not_be_made_is_not_kept(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    first.secrets.resolve(SHOP, "db", "generate:24")
    with pytest.raises(SecretMissing, match="the blueprint now says generate:32"):
        second.secrets.resolve(SHOP, "db", "generate:32")
    assert second.secrets.resolve(SHOP, "db", "generate:24") == first.secrets.resolve(SHOP, "db", "generate:24")


def test_a_machine_without_the_key_is_told_what_to_do_and_makes_none(
    url: str, machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    assert machines[0].store.key == b"k" * 32
    third = machine(url, tmp_path / "c", None)
    with pytest.raises(WrongKey, match="is not on this machine") as error:
        _ = third.store.key
    third.store.close()
    assert "BATON_STORE_KEY" in error.value.hint
    assert error.value.exit_code is ExitCode.USAGE
    assert not (tmp_path / "c" / "store.key").exists()


def test_a_machine_with_another_key_is_refused(url: str, machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    assert machines[0].store.key == b"k" * 32
    third = machine(url, tmp_path / "c", b"x" * 32)
    with pytest.raises(WrongKey, match=r"store\.key is not the key of the store at PostgreSQL database"):
        _ = third.store.key
    third.store.close()


def test_a_text_that_was_put_in_anothers_place_is_refused(url: str, machines: tuple[Machine, Machine]) -> None:
    first, _ = machines
    for ref in (SHOP, OTHER):
        first.secrets.resolve(ref, "db", "generate:24")
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE baton_kept SET sealed = (SELECT sealed FROM baton_kept WHERE environment = 'shop/prod') "
            "WHERE environment = 'shop/dev'"
        )
    engine.dispose()
    with pytest.raises(Unreadable, match="cannot be opened with this machine's key, or was changed"):
        first.secrets.resolve(SHOP, "db", "generate:24")


def test_a_certificate_is_found_on_every_machine(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    first.store.keep_certificate(SHOP, 3, '{"a": 1}')
    first.store.keep_certificate(SHOP, 3, '{"a": 2}')
    assert second.store.certificate(SHOP, 3) == '{"a": 2}'
    assert second.store.certificate(SHOP, 4) is None
