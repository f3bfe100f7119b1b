"""Blueprints and what is said about them: `blueprint.yaml` in, `problems.txt` out, one line per problem; empty when it is valid."""

import difflib
from pathlib import Path

import pytest

from lifecycle.blueprint import BlueprintInvalid, load

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/blueprint.yaml"))


def problems(text: str) -> list[str]:
    try:
        load(text, "blueprint.yaml")
    except BlueprintInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_blueprint_gets_exactly_the_problems_that_its_case_says(case: Path) -> None:
    expected = (case / "problems.txt").read_text(encoding="utf-8").splitlines()
    found = problems((case / "blueprint.yaml").read_text(encoding="utf-8"))
    difference = difflib.unified_diff(expected, found, "problems.txt", "found", lineterm="", n=0)
    assert found == expected, "\n".join(difference)


def test_there_are_cases_and_those_named_valid_are_the_ones_without_problems() -> None:
    assert len(CASES) > 70
    for case in CASES:
        says_nothing = not (case / "problems.txt").read_text(encoding="utf-8")
        assert says_nothing == case.name.startswith("valid-"), case.name


def test_no_case_shows_a_secret() -> None:
    for case in CASES:
        said = (case / "problems.txt").read_text(encoding="utf-8")
        assert "hunter2" not in said
        assert "12345678" not in said
