"""`baton audit verify` on a real store file, changed behind Baton's back as somebody with access to the file would."""

import re
from pathlib import Path

import pytest

from tests.support.ledgers import Say, Sql, objects, rewritten, write
from tests.support.stores import SHOP


def test_a_head_that_was_printed_is_one_that_verify_takes(home: Path, baton: Say) -> None:
    code, out, _ = baton("audit", "head")
    assert code == 0
    blog, shop, overall = out.splitlines()
    assert re.fullmatch(r"blog/prod@2:[0-9a-f]{64}", blog)
    assert re.fullmatch(r"shop/dev@5:[0-9a-f]{64}", shop)
    assert re.fullmatch(r"overall:[0-9a-f]{64}", overall)
    assert baton("audit", "verify", "--head", blog, "--head", shop, "--head", overall)[0] == 0
    assert baton("audit", "verify", "--head", overall)[0] == 0

    said = objects(baton("audit", "head", "--json")[1])
    assert [f"{o['environment']}@{o['seq']}:{o['hash']}" for o in said[:-1]] == [blog, shop]
    assert f"{said[-1]['type']}:{said[-1]['hash']}" == overall


def test_a_ledger_that_grew_still_holds_what_was_published_of_it(home: Path, baton: Say, tmp_path: Path) -> None:
    heads = tmp_path / "heads.txt"
    heads.write_text("# on Monday\n\n" + baton("audit", "head")[1])
    write(SHOP, 6)
    assert baton("audit", "verify", "--heads", str(heads))[0] == 0
    (overall,) = [line for line in heads.read_text().splitlines() if line.startswith("overall")]
    code, out, _ = baton("audit", "verify", "--head", overall)  # alone it is about one moment, which is over
    assert code == 1
    assert "the hash over all heads is not the published one" in out


def test_a_whole_ledger_is_said_to_be_whole(home: Path, baton: Say) -> None:
    code, out, _ = baton("audit", "verify")
    assert code == 0
    assert re.search(r"blog/prod is whole: 2 entries.*\n.*shop/dev is whole: 5 entries", out)
    *chains, result = objects(baton("audit", "verify", "--json")[1])
    assert [(c["environment"], c["whole"], c["entries"]) for c in chains] == [
        ("blog/prod", True, 2),
        ("shop/dev", True, 5),
    ]
    assert (result["type"], result["whole"], result["overall_differs"]) == ("result", True, False)


@pytest.mark.parametrize("head", ["5:abc", "shop/dev@5:abc", "shop/dev@0:" + "a" * 64, "overall:", "x"])
def test_a_head_that_is_none_is_wrong_usage(home: Path, baton: Say, head: str) -> None:
    code, _, err = baton("audit", "verify", "--head", head)
    assert code == 64
    assert f"'{head}' is no head" in err
    assert "ENVIRONMENT@SEQ:HASH" in err


def test_two_heads_of_one_chain_are_refused(home: Path, baton: Say) -> None:
    code, _, err = baton("audit", "verify", "--head", "shop/dev@1:" + "a" * 64, "--head", "shop/dev@2:" + "b" * 64)
    assert code == 64
    assert "two heads are given for shop/dev" in err


# Attacks on the store's file


CHANGES = {
    "a changed word": (
        ["UPDATE baton_ledger SET event = replace(event, '\"n\":3', '\"n\":7') WHERE seq = 3"],
        3,
        "differ",
    ),
    "a changed hash": (
        ["UPDATE baton_ledger SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 2"],
        2,
        "differ",
    ),
    "a dropped entry": (["DELETE FROM baton_ledger WHERE chain = 'shop/dev' AND seq = 2"], 2, "entry 2 is missing"),
    "a dropped first entry": (
        ["DELETE FROM baton_ledger WHERE chain = 'shop/dev' AND seq = 1"],
        1,
        "entry 1 is missing",
    ),
    "two reordered entries": (
        [
            f"UPDATE baton_ledger SET seq = {new} WHERE chain = 'shop/dev' AND seq = {old}"
            for old, new in ((3, 99), (4, 3), (99, 4))
        ],
        3,
        "does not follow",
    ),
    "a text that is no JSON": (
        ["UPDATE baton_ledger SET event = '{' WHERE seq = 4 AND chain = 'shop/dev'"],
        4,
        "differ",
    ),
    "bytes that are no text": (
        ["UPDATE baton_ledger SET event = CAST(X'7BFF7D' AS TEXT) WHERE seq = 4 AND chain = 'shop/dev'"],
        4,
        "differ",
    ),
    "a chain that is gone": (["DELETE FROM baton_ledger WHERE chain = 'shop/dev'"], 1, "nothing is left of this chain"),
    "a chain of another's entries": (
        [
            "DELETE FROM baton_ledger WHERE chain = 'shop/dev'",
            "INSERT INTO baton_ledger SELECT 'shop/dev', seq, event, prev, hash FROM baton_ledger WHERE chain = 'blog/prod'",
        ],
        1,
        "tells of blog/prod, not of shop/dev",
    ),
}


@pytest.mark.parametrize("how", CHANGES)
def test_verify_names_the_first_broken_entry(attack: Sql, baton: Say, how: str) -> None:
    statements, seq, reason = CHANGES[how]
    attack(*statements)
    code, out, _ = baton("audit", "verify")
    assert code == 1
    assert re.search(rf"shop/dev is broken at entry {seq}: .*{reason}", out)
    if "WHERE seq" not in statements[0]:
        assert "blog/prod is whole: 2 entries" in out
    said = {o["environment"]: o for o in objects(baton("audit", "verify", "--json")[1])[:-1]}
    assert said["shop/dev"]["broken_entry"] == seq
    assert reason in said["shop/dev"]["reason"]
    assert baton("audit", "log")[0] == baton("audit", "log", "--json")[0] == 1  # and neither stumbles over it
    assert baton("history", "shop/dev")[0] == (0 if "gone" in how else 1)


def test_one_flipped_bit_of_the_file_is_found(home: Path, baton: Say) -> None:
    path = home / "baton.db"
    raw = bytearray(path.read_bytes())
    place = raw.index(b'"n":4')
    for bit in range(8):
        flipped = bytearray(raw)
        flipped[place + 4] ^= 1 << bit
        path.write_bytes(flipped)
        code, out, _ = baton("audit", "verify")
        assert code == 1
        assert "shop/dev is broken at entry 4: content and hash differ" in out
    path.write_bytes(raw)
    assert baton("audit", "verify")[0] == 0


def test_a_cut_off_tail_is_found_against_a_published_head(attack: Sql, baton: Say) -> None:
    _, shop, overall = baton("audit", "head")[1].splitlines()
    attack("DELETE FROM baton_ledger WHERE chain = 'shop/dev' AND seq >= 4")
    assert baton("audit", "verify")[0] == 0  # by itself it is a whole chain, as the page says
    code, out, _ = baton("audit", "verify", "--head", shop)
    assert code == 1
    assert "shop/dev is broken at entry 4: the chain ends at 3, the published head is 5" in out
    code, out, _ = baton("audit", "verify", "--head", overall)
    assert code == 1
    assert "the hash over all heads is not the published one" in out


def test_a_chain_that_is_gone_with_its_environment_is_found_against_a_published_head(attack: Sql, baton: Say) -> None:
    _, shop, overall = baton("audit", "head")[1].splitlines()
    attack(
        "DELETE FROM baton_ledger WHERE chain = 'shop/dev'",
        "DELETE FROM baton_environments WHERE environment = 'shop/dev'",
    )
    assert baton("audit", "verify")[0] == 0
    for head in (shop, overall):
        assert baton("audit", "verify", "--head", head)[0] == 1
    assert "shop/dev is broken at entry 1" in baton("audit", "verify", "--head", shop)[1]


def test_a_chain_that_was_written_anew_is_found_against_a_published_head(home: Path, attack: Sql, baton: Say) -> None:
    _, shop, _ = baton("audit", "head")[1].splitlines()
    attack(*rewritten(home))
    assert baton("audit", "verify")[0] == 0  # as the page says
    code, out, _ = baton("audit", "verify", "--head", shop)
    assert code == 1
    assert "shop/dev is broken at entry 5: differs from the published head" in out
