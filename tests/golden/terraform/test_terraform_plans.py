"""Real plans, as `terraform show -json` wrote them (record.py), and what is read from them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform import parse
from adapters.terraform.parse import UnreadableOutput
from lifecycle.plan import Action, ResourceChange
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import mask

HERE = Path(__file__).parent
PLANS = sorted((HERE / "plans").glob("*.json"))
TAGS = {"baton:environment": "shop/dev", "baton:stack": "web"}
SECRET = "correct horse battery"


def read(path: Path) -> parse.PlanDocument:
    return parse.plan(path.read_bytes(), Scrubber(), TAGS)


def seen(plan: parse.PlanDocument) -> dict[str, Any]:
    """What the expectations hold: everything but the values of the resources."""
    changes = [{k: v for k, v in asdict(c).items() if k not in ("before", "after") and v} for c in plan.changes]
    for change in changes:
        change |= {key: sorted(change[key]) for key in ("configured", "refers") if key in change}
    return {
        "changes": json.loads(json.dumps(changes)),
        "drift": [c.address for c in plan.drift],
        "outputs": mask({name: [output.value, output.sensitive] for name, output in plan.outputs.items()}),
        "outputs_changed": plan.outputs_changed,
        "applyable": plan.applyable,
        "complete": plan.complete,
        "untagged": list(plan.untagged),
    }


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_real_plan_is_read_as_expected(path: Path) -> None:
    expected = json.loads((HERE / "expected_plans.json").read_text())
    assert seen(read(path)) == expected[path.stem]


def test_every_recorded_plan_has_an_expectation_and_the_other_way_round() -> None:
    expected = json.loads((HERE / "expected_plans.json").read_text())
    assert sorted(expected) == [path.stem for path in PLANS]


def test_the_recorded_plans_show_every_action() -> None:
    found = {change.action for path in PLANS for change in read(path).changes}
    assert found == set(Action)


def test_a_secret_that_terraform_knows_of_is_in_no_value_that_can_be_shown() -> None:
    path = HERE / "plans" / "create_with_secrets.json"
    assert SECRET in path.read_text()
    plan = read(path)
    assert SECRET not in repr((plan.changes, plan.drift, plan.outputs))
    assert SECRET not in repr(plan)
    after = next(c.after for c in plan.changes if c.address == "terraform_data.db")
    assert after is not None
    assert after["input"] == {"user": "app", "password": "***", "hosts": ["a", "***"]}


def test_a_secret_is_masked_also_where_a_provider_copies_it_and_loses_the_mark() -> None:
    path = HERE / "plans" / "sensitive_by_schema.json"
    raw = {c["address"]: c["change"] for c in json.loads(path.read_text())["resource_changes"]}
    assert raw["aws_ssm_parameter.marked"]["after"]["tags_all"]["token"] == SECRET
    assert SECRET not in repr(read(path))


def test_right_after_a_first_apply_nothing_is_drift_although_terraform_says_so() -> None:
    path = HERE / "plans" / "drift_after_the_first_apply.json"
    said = [one["address"] for one in json.loads(path.read_text())["resource_drift"]]
    assert {"aws_security_group.s", "aws_route_table.t"} <= set(said)
    assert read(path).drift == ()


def test_what_somebody_did_by_hand_is_told_and_nothing_beside_it() -> None:
    drift = {change.address: change for change in read(HERE / "plans" / "drift_by_hand.json").drift}
    assert sorted(drift) == ["aws_route.r", "aws_security_group.s", "aws_vpc.v"]
    assert drift["aws_route.r"].after is None
    group, network = drift["aws_security_group.s"], drift["aws_vpc.v"]
    assert _differing(group) == {"ingress"}
    assert _differing(network) == {"tags", "tags_all"}
    assert group.after is not None
    assert 5432 in [rule["to_port"] for rule in group.after["ingress"]]


def _differing(change: ResourceChange) -> set[str]:
    before, after = change.before or {}, change.after or {}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_a_secret_that_terraform_does_not_know_of_is_found_by_its_value() -> None:
    text = (HERE / "plans" / "create_with_secrets.json").read_text().replace('"app"', '"the-user-is-secret-too"')
    plan = parse.plan(text.encode(), Scrubber(["the-user-is-secret-too"]), TAGS)
    assert "the-user-is-secret-too" not in repr(plan.changes)


def test_a_secret_in_a_resource_s_key_is_masked_in_its_address() -> None:
    document = json.loads((HERE / "plans" / "create_with_secrets.json").read_text())
    document["resource_changes"][0]["address"] = 'terraform_data.x["the-key-is-secret"]'
    plan = parse.plan(json.dumps(document).encode(), Scrubber(["the-key-is-secret"]), TAGS)
    assert plan.changes[0].address == 'terraform_data.x["***"]'


def test_what_terraform_keeps_secret_in_a_resource_is_told_to_who_scrubs() -> None:
    path = HERE / "plans" / "create_with_secrets.json"
    scrubber = Scrubber()
    secrets = parse.plan(path.read_bytes(), scrubber, TAGS).secrets
    assert SECRET in secrets
    assert scrubber.text(f"an error with {SECRET} in it") == "an error with *** in it"


def test_what_is_no_json_is_not_shown() -> None:
    with pytest.raises(UnreadableOutput, match="26 other bytes") as caught:
        parse.plan(b"{'secret': 'and no JSON'} ", Scrubber(), TAGS)
    assert "secret" not in caught.value.message


def test_an_action_that_nobody_knows_is_an_error_and_not_silence() -> None:
    text = (HERE / "plans" / "destroy.json").read_text().replace('"delete"', '"evaporate"')
    with pytest.raises(UnreadableOutput, match=r"evaporate for terraform_data\.a"):
        parse.plan(text.encode(), Scrubber(), TAGS)


def test_the_essence_does_not_hold_what_only_describes() -> None:
    """The digest must not change with Terraform's version, the time of planning or the configuration's echo."""
    path = HERE / "plans" / "update_and_outputs.json"
    document = json.loads(path.read_text())
    for noise in ("timestamp", "terraform_version", "configuration", "prior_state", "relevant_attributes"):
        document.pop(noise, None)
    assert parse.plan(json.dumps(document).encode(), Scrubber(), TAGS).essence == read(path).essence
