"""What runs the tutorial sees when the page is wrong."""

from pathlib import Path

import pytest

from scripts.docs.tutorial import Block, Ran, blocks, problems, run, steady

PAGE = """
```sh
not run
```
```sh run
first
```
```sh run exit=6
second
```
```text expect
one

...
two
```
```text expect
belongs to nothing
```
"""


def test_only_marked_blocks_are_run_each_with_the_lines_that_follow_it() -> None:
    assert list(blocks(PAGE)) == [Block("first\n"), Block("second\n", 6, ("one", "two"))]


def test_a_line_that_was_not_printed_is_a_problem() -> None:
    assert problems(Block("", 0, ("a", "b")), Ran(0, "b\nc\n")) == ["the page says 'a'"]


def test_another_exit_code_is_a_problem() -> None:
    assert problems(Block("", 6), Ran(1, "")) == ["it ended with 1, and the page says 6"]


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("✓ plan main 4.2s  14 to create", "✓ plan main 1m 05s  14 to create"),
        ("web-1  10.1.1.4  198.18.0.10  i-999a54e8041357455", "web-1  10.1.2.14  198.18.1.9  i-0123456789abcdef0"),
        ("2026-11-23 03:00:01  1  ready", "2027-01-02 13:10:51  1  ready   "),
        ("verify greets   vvvvvvvvvv  2.1s ✗", "verify greets        vvv      12.1s ✗"),
    ],
)
def test_what_differs_from_run_to_run_is_no_problem(page: str, printed: str) -> None:
    assert steady(page) == steady(printed)


@pytest.mark.parametrize(
    ("page", "printed"), [("14 to create", "13 to create"), ("2.1s ✗", "2.1s"), ("3 checks passed", "2 checks passed")]
)
def test_what_must_not_differ_is_a_problem(page: str, printed: str) -> None:
    assert steady(page) != steady(printed)


def test_a_command_that_was_killed_ends_with_what_a_shell_says(tmp_path: Path) -> None:
    assert run(Block("kill -9 $$"), tmp_path, {}).code == 137


def test_a_block_stops_at_its_first_failure(tmp_path: Path) -> None:
    assert run(Block("echo one\nfalse\necho two"), tmp_path, {}) == Ran(1, "one\n")
