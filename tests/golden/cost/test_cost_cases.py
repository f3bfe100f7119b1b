"""Plans and what is said about their cost: `cases/NAME.yaml` in, `cases/NAME.txt` out, by the prices of prices.yaml.

A plan's change is written as in `ResourceChange`. `python tests/golden/cost/test_cost_cases.py` writes what is said today, to be read before it is kept.
"""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.prices.reader import read_file
from lifecycle.blueprint import yaml12
from lifecycle.blueprint.scalars import parse_duration
from lifecycle.cost import Estimate, PriceBook, estimate
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.report.cost import WIDTH, cost_fields, cost_text

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))


def book() -> PriceBook:
    return replace(read_file(HERE / "prices.yaml"), region="eu-west-1")


def case(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml12.read(path.read_text(encoding="utf-8")).data
    return data


def change(data: dict[str, Any]) -> ResourceChange:
    return ResourceChange(**{**data, "action": Action(data["action"]), "unknown": tuple(data.get("unknown", ()))})


def estimated(data: dict[str, Any]) -> Estimate:
    plans = {name: Plan(name, "", changes=tuple(map(change, changes))) for name, changes in data["stacks"].items()}
    return estimate(plans, book(), data.get("unplanned", ()))


def text(data: dict[str, Any]) -> str:
    lease = parse_duration(data["lease"]) if "lease" in data else None
    return "\n".join(line.rstrip() for line in cost_text(estimated(data), lease)) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_estimate_says_exactly_what_its_case_says(path: Path) -> None:
    assert text(case(path)) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_line_fits_a_terminal_and_every_amount_of_the_fields_is_exact(path: Path) -> None:
    data = case(path)
    assert all(len(line) <= WIDTH for line in text(data).splitlines())
    fields = json.loads(json.dumps(cost_fields(estimated(data))))
    for side in ("before", "after"):
        of_lines = sum(Decimal(line[side]) for line in fields["lines"])
        of_stacks = sum(Decimal(stack[side]) for stack in fields["stacks"].values())
        assert Decimal(fields["total"][side]) == of_lines == of_stacks


def test_the_same_plans_in_any_order_of_changes_have_one_digest() -> None:
    data = case(HERE / "cases" / "databases.yaml")
    turned = {**data, "stacks": {name: changes[::-1] for name, changes in data["stacks"].items()}}
    assert cost_fields(estimated(data)) == cost_fields(estimated(turned))


def test_the_cases_show_every_action() -> None:
    found = {one["action"] for path in CASES for changes in case(path)["stacks"].values() for one in changes}
    assert found == {action.value for action in Action}


if __name__ == "__main__":
    for path in CASES:
        path.with_suffix(".txt").write_text(text(case(path)), encoding="utf-8")
