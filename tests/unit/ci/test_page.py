"""The page about pipelines says the program's own exit codes and values."""

import re
from pathlib import Path

from baton.ci.leaving import Told
from baton.ci.surroundings import Surroundings, System
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import ExitCode

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ci.md").read_text()


def test_the_table_of_exit_codes_is_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [(code.value, code.meaning) for code in ExitCode]


def test_every_value_for_later_jobs_is_named() -> None:
    told = Told("up", EnvironmentRef("shop", "dev"), Surroundings(System.OTHER))
    for name in told.values:
        assert f"`BATON_CI_{name.upper()}`" in PAGE
        assert f"`{name}`" in PAGE
