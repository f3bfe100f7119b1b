"""An export is checked without a store, and a change of it is named."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ledgers import Say, Sql, checked


@pytest.fixture
def exported(home: Path, baton: Say, tmp_path: Path) -> list[str]:
    code, out, _ = baton("audit", "export")
    assert code == 0
    return out.splitlines(keepends=True)


def test_an_export_is_checked_without_any_store(
    exported: list[str], baton: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = baton("audit", "head")[1].splitlines()
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("BATON_HOME", str(elsewhere))
    words = [word for head in heads for word in ("--head", head)]
    code, out, _ = checked(baton, tmp_path / "ledger.jsonl", exported, *words)
    assert code == 0
    assert "shop/dev is whole: 5 entries" in out
    assert not elsewhere.exists()


def test_an_export_may_be_of_one_environment(home: Path, baton: Say, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    heads.write_text(baton("audit", "head")[1])
    lines = baton("audit", "export", "--environment", "blog/prod")[1].splitlines(keepends=True)
    assert len(lines) == 2
    of_one = ("--heads", str(heads), "--environment", "blog/prod")
    assert checked(baton, tmp_path / "export", lines, *of_one)[0] == 0
    code, out, _ = checked(baton, tmp_path / "export", lines[:1], *of_one)
    assert code == 1
    assert "blog/prod is broken at entry 2: the chain ends at 1" in out
    code, _, err = checked(
        baton, tmp_path / "export", lines, "--environment", "blog/prod", "--head", "overall:" + "a" * 64
    )
    assert code == 64
    assert "says nothing about one environment" in err


# Lines of the export: 0 and 1 are blog/prod's, 2 to 6 shop/dev's.
EXPORT_CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], int, str]] = {
    "a flipped byte": (
        lambda x: [*x[:4], x[4].replace('\\"n\\":3', '\\"n\\":2'), *x[5:]],
        3,
        "content and hash differ",
    ),
    "a dropped line": (lambda x: [*x[:3], *x[4:]], 2, "entry 2 is missing"),
    "two swapped lines": (lambda x: [*x[:3], x[4], x[3], *x[5:]], 2, "entry 2 is missing"),
    "a line twice": (lambda x: [*x[:4], x[3], *x[4:]], 3, "entry 3 is missing"),
    "a number that was changed": (
        lambda x: [*x[:4], x[4].replace('"seq": 3', '"seq": 4'), *x[5:]],
        3,
        "entry 3 is missing",
    ),
}


@pytest.mark.parametrize("how", EXPORT_CHANGES)
def test_a_change_of_an_export_is_named(exported: list[str], baton: Say, tmp_path: Path, how: str) -> None:
    change, seq, reason = EXPORT_CHANGES[how]
    changed = change(exported)
    assert changed != exported
    code, out, _ = checked(baton, tmp_path / "export", changed)
    assert code == 1
    assert re.search(rf"shop/dev is broken at entry {seq}: .*{reason}", out)
    assert "blog/prod is whole" in out


def test_an_export_that_was_cut_is_found_against_a_published_head(
    exported: list[str], baton: Say, tmp_path: Path
) -> None:
    _, shop, _ = baton("audit", "head")[1].splitlines()
    assert checked(baton, tmp_path / "export", exported[:5])[0] == 0
    code, out, _ = checked(baton, tmp_path / "export", exported[:5], "--head", shop)
    assert code == 1
    assert "shop/dev is broken at entry 4: the chain ends at 3" in out


@pytest.mark.parametrize("line", ["{", "[]\n", '{"chain":"shop/dev","seq":"3","event":"","prev":"","hash":""}\n'])
def test_a_line_that_is_no_entry_is_named(exported: list[str], baton: Say, tmp_path: Path, line: str) -> None:
    code, _, err = checked(baton, tmp_path / "export", [*exported[:3], line])
    assert code == 1
    assert "line 4 is no ledger entry (the last one before it: shop/dev, entry 1)" in err


def test_a_file_without_entries_or_no_file_is_no_export(baton: Say, tmp_path: Path) -> None:
    assert checked(baton, tmp_path / "export", [])[0] == 1
    code, _, err = baton("audit", "verify", "--file", str(tmp_path / "nowhere"))
    assert code == 1
    assert "nowhere cannot be read: No such file" in err


def test_a_damaged_entry_is_exported_as_it_is(attack: Sql, baton: Say, tmp_path: Path) -> None:
    attack("UPDATE baton_ledger SET event = CAST(X'7BFF7D' AS TEXT) WHERE seq = 2 AND chain = 'shop/dev'")
    lines = baton("audit", "export")[1].splitlines(keepends=True)
    code, out, _ = checked(baton, tmp_path / "export", lines)
    assert code == 1
    assert "shop/dev is broken at entry 2: content and hash differ" in out
