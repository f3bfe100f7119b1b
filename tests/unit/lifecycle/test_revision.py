"""Which revision is which, which one to go back to, and what becomes of a run that failed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.revision import (
    CLEANUP,
    KEPT,
    READY,
    REVISION,
    KeptFile,
    NoRevision,
    OnFailure,
    Revision,
    accepted,
    changed,
    chosen,
    cleanup,
    differences,
    outdated,
    revision,
    was_ready,
)

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def new(web: str = "w1", **inputs: Any) -> Revision:
    files = {"blueprint.yaml": KeptFile("b"), "web/main.tf": KeptFile(web)}
    parts = {"blueprint": "b", "stack web": web}
    return revision(at=NOW, by="ada on laptop", blueprint="blueprint.yaml", inputs=inputs, parts=parts, files=files)


def chain(*revisions: Revision) -> list[Revision]:
    known: list[Revision] = []
    for one in revisions:
        if (found := accepted(known, one)) not in known:
            known.append(found)
    return known


def test_what_is_the_same_has_the_same_number_and_what_differs_the_next() -> None:
    known = chain(new(), new(count=2), new(), new("w2"))
    assert [one.number for one in known] == [1, 2, 3]
    assert accepted(known, new("w1", count=2)).number == 2


def test_one_whose_files_were_let_go_of_is_kept_again_under_a_number_of_its_own() -> None:
    (old,) = chain(new())
    assert accepted([Revision(**{**_fields(old), "files": {}})], new()).number == 2


def test_who_asked_and_when_makes_no_revision() -> None:
    other = revision(
        at=NOW.replace(year=2027), by="bert", blueprint="x", inputs={}, parts=new().parts, files=new().files
    )
    assert other.digest == new().digest


def test_what_is_different_is_said_in_words() -> None:
    assert changed(new(count=1), new("w2", count=2, size="big")) == ["stack web", "input count", "input size"]
    assert changed(None, new()) == []


@pytest.mark.parametrize(
    ("facts", "number", "expected"),
    [
        ({REVISION: 3, READY: [1, 2]}, 0, 2),  # the current one failed
        ({REVISION: 3, READY: [1, 2, 3]}, 0, 2),  # it is ready, and somebody wants the one before
        ({REVISION: 1, READY: [2, 3, 1]}, 0, 3),  # after a rollback
        ({REVISION: 3, READY: [1, 2]}, 1, 1),
    ],
)
def test_a_rollback_goes_to_the_last_other_one_that_was_ready(facts: Any, number: int, expected: int) -> None:
    assert chosen(chain(new(), new("w2"), new("w3")), facts, number).number == expected


@pytest.mark.parametrize(
    ("facts", "number", "words"),
    [
        ({REVISION: 1}, 0, "no other revision was ever ready"),
        ({REVISION: 1, READY: [1]}, 0, "no other revision was ever ready"),
        ({REVISION: 1, READY: [1]}, 7, "there is no revision 7"),
    ],
)
def test_a_rollback_to_nothing_says_what_there_is(facts: Any, number: int, words: str) -> None:
    with pytest.raises(NoRevision, match=words) as caught:
        chosen(chain(new(), new("w2")), facts, number)
    assert "1, 2" in caught.value.hint


def test_a_rollback_needs_the_files() -> None:
    (kept,) = chain(new())
    with pytest.raises(NoRevision, match="files of revision 1 are not kept"):
        chosen([Revision(**{**_fields(kept), "files": {}})], {}, 1)


@pytest.mark.parametrize(
    ("policy", "ready", "current", "expected"),
    [
        (OnFailure.KEEP, [], 1, OnFailure.KEEP),
        (OnFailure.DESTROY, [], 1, OnFailure.DESTROY),
        (OnFailure.DESTROY, [1], 2, OnFailure.KEEP),  # never destroyed for a change that failed
        (OnFailure.DESTROY, [1], 1, OnFailure.KEEP),
        (OnFailure.ROLLBACK, [1], 2, OnFailure.ROLLBACK),
        (OnFailure.ROLLBACK, [], 1, OnFailure.KEEP),  # nothing to go back to
        (OnFailure.ROLLBACK, [1], 1, OnFailure.KEEP),  # what failed is what would be gone back to: no circle
    ],
)
def test_what_becomes_of_a_failed_run(policy: OnFailure, ready: list[int], current: int, expected: OnFailure) -> None:
    assert cleanup(policy, {READY: ready, REVISION: current, CLEANUP: "rollback"}) is expected


def test_the_newest_keep_their_files_and_so_does_the_last_that_was_ready() -> None:
    known = chain(*(new(f"w{n}") for n in range(KEPT + 4)))
    assert outdated(known, [1, 2]) == [1, 3, 4]
    assert outdated(known[:KEPT], []) == []


def test_ready_counts_once_and_the_last_is_last() -> None:
    facts: dict[str, Any] = {REVISION: 1}
    for number in (1, 2, 1):
        facts = was_ready({**facts, REVISION: number})
    assert facts[READY] == [2, 1]
    assert was_ready({}) == {}


def test_a_part_that_is_not_what_it_was_is_named() -> None:
    assert list(differences(new(), {"blueprint": "b", "stack web": "other"})) == ["stack web"]
    assert not list(differences(new(), {"stack web": "w1"}))


def _fields(one: Revision) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}
