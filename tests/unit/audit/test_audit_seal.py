"""A key seals the ledger: who does not have it cannot write a chain anew."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lifecycle.errors import BatonError
from lifecycle.ledger import link_hash
from tests.support.ledgers import Say, Sql, checked, rewritten, write
from tests.support.stores import SHOP


def test_a_chain_that_a_key_was_given_to_later_is_covered_from_its_first_entry_on(
    home: Path, key: Path, attack: Sql, baton: Say
) -> None:
    code, out, _ = baton("audit", "verify", "--environment", "shop/dev")
    assert code == 1
    assert "entry 1: neither it nor a later entry is sealed with the key" in out  # anybody may have written these
    assert baton("history", "shop/dev")[0] == baton("audit", "log")[0] == 0
    _, shop, _ = baton("audit", "head")[1].splitlines()
    assert (
        baton("audit", "verify", "--environment", "shop/dev", "--head", shop)[0] == 0
    )  # but that is what was published

    write(SHOP, 6)
    assert baton("audit", "verify", "--environment", "shop/dev")[0] == 0
    attack("UPDATE baton_ledger SET event = replace(event, '\"n\":2', '\"n\":7') WHERE chain = 'shop/dev' AND seq = 2")
    assert "shop/dev is broken at entry 2" in baton("audit", "verify")[1]


def test_who_does_not_have_the_key_cannot_write_a_chain_anew(home: Path, key: Path, attack: Sql, baton: Say) -> None:
    write(SHOP, 6, 7)
    attack(*rewritten(home))
    code, out, _ = baton("audit", "verify", "--environment", "shop/dev")
    assert code == 1
    assert "neither it nor a later entry is sealed" in out


def test_a_sealed_chain_cannot_be_continued_in_the_plain(home: Path, key: Path, attack: Sql, baton: Say) -> None:
    write(SHOP, 6, 7)
    attack("DELETE FROM baton_ledger WHERE chain = 'shop/dev' AND seq = 7")
    with closing(sqlite3.connect(home / "baton.db")) as connection:
        event, prev = connection.execute(
            "SELECT event, hash FROM baton_ledger WHERE chain = 'shop/dev' AND seq = 6"
        ).fetchone()
    value = json.loads(event)
    del value["seal"]
    text = json.dumps(value)
    attack(f"INSERT INTO baton_ledger VALUES ('shop/dev', 7, '{text}', '{prev}', '{link_hash(prev, 7, text)}')")
    code, out, _ = baton("audit", "verify", "--environment", "shop/dev")
    assert code == 1
    assert "broken at entry 7: not sealed, and an entry before it is" in out


@pytest.mark.parametrize("other", ["none", "another"])
def test_a_run_without_the_key_of_a_sealed_chain_does_not_begin(
    home: Path, key: Path, baton: Say, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    write(SHOP, 6)
    if other == "none":
        monkeypatch.delenv("BATON_LEDGER_KEY")
    else:
        key.write_bytes(b"x" * 32)
    with pytest.raises(BatonError, match=r"the ledger of shop/dev is sealed with the key [0-9a-f]{16}, and") as refused:
        write(SHOP)  # not even without an entry to write: there would be some later
    assert "BATON_LEDGER_KEY" in refused.value.hint
    code, out, _ = baton("audit", "verify", "--environment", "shop/dev")
    assert code == 1
    assert "broken at entry 6: sealed with the key" in out  # it cannot be checked, so it is not said to be whole


def test_an_export_of_a_sealed_chain_is_checked_with_the_key(home: Path, key: Path, baton: Say, tmp_path: Path) -> None:
    write(SHOP, 6)
    lines = baton("audit", "export", "--environment", "shop/dev")[1].splitlines(keepends=True)
    assert checked(baton, tmp_path / "export", lines)[0] == 0
    key.write_bytes(b"x" * 32)
    assert checked(baton, tmp_path / "export", lines)[0] == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda key: key.chmod(0o640), "is open to other users"),
        (lambda key: key.write_bytes(b"short"), "has 5 bytes, and needs 32"),
        (lambda key: key.unlink(), "cannot be read: No such file"),
    ],
)
def test_a_key_that_is_no_good_is_named_and_never_replaced(
    home: Path, key: Path, baton: Say, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(key)
    before = key.read_bytes() if key.exists() else None
    code, _, err = baton("audit", "verify")
    assert code == 1
    assert said in err
    assert (key.read_bytes() if key.exists() else None) == before
