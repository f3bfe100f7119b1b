"""What is put under a pull request fits, can be found again, and says what is missing from it."""

import pytest

from lifecycle.report.comment import LIMIT, comment, marker, of_checks, of_failure
from lifecycle.report.junit import Case, Verdict

MARK = marker("shop/pr-17")


def test_a_small_one_is_whole_and_begins_with_its_marker() -> None:
    text = comment(MARK, "### shop/pr-17 is ready", ["- one"], "<sub>now</sub>")
    assert text.splitlines()[0] == "<!-- baton: shop/pr-17 -->"
    assert text.endswith("- one\n\n<sub>now</sub>\n")


@pytest.mark.parametrize("letter", ["x", "ü", "✓", "🙂"])
def test_a_long_one_is_cut_at_a_line_and_says_how_much_it_would_have_been(letter: str) -> None:
    part = "<details><summary>everything</summary>\n\n```diff\n" + f"+ {letter * 50}\n" * 5000 + "```\n\n</details>"
    text = comment(MARK, "", [part], "<sub>now</sub>")
    assert len(text.encode()) <= LIMIT
    assert len(text.encode()) > LIMIT - 1000
    assert "This comment was cut: it would have been" in text
    assert text.splitlines()[0] == MARK
    assert text.endswith("<sub>now</sub>\n")
    kept = [line for line in text.splitlines() if line.startswith("+ ")]
    assert set(kept) == {f"+ {letter * 50}"}  # no line is cut in two
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")


def test_checks_are_a_table_whatever_they_say() -> None:
    known = [
        Case("a|b", Verdict.FAILURE, "no | way\nat all"),
        Case("late", Verdict.SKIPPED, "the run did not come to it"),
    ]
    (table,) = of_checks(known)
    assert table.splitlines()[2:] == [
        "| a\\|b | ✗ | no \\| way |",
        "| late | not looked at | the run did not come to it |",
    ]
    assert list(of_checks([])) == []


def test_what_went_wrong_cannot_leave_its_fence() -> None:
    first, second = of_failure("it said ```\n# Approved", "try\nagain")
    assert first.splitlines() == ["```", "it said '''", "# Approved", "```"]
    assert second.splitlines() == ["```", "try", "again", "```"]
