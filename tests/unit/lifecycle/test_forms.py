"""What Prefect makes of the flows' parameters: the schema behind each form, and what prefect.yaml deploys."""

import re
from importlib import import_module
from typing import Any

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from adapters.shipped import prefect_file

PREFECT: dict[str, Any] = yaml.safe_load(prefect_file().read_text())
VERBS = {one["entrypoint"].split(".")[-1]: one for one in PREFECT["deployments"]}


def schema(verb: str) -> dict[str, Any]:
    flow = getattr(import_module(f"flows.{verb}"), verb)
    return parameter_schema(flow).model_dump_for_openapi()


@pytest.mark.parametrize("verb", VERBS)
def test_every_parameter_has_a_title_for_people_and_a_description(verb: str) -> None:
    for name, field in schema(verb)["properties"].items():
        assert field["title"][0].isupper(), name
        assert len(field["description"]) > 20, name


@pytest.mark.parametrize(
    ("verb", "required"),
    [
        ("plan", ["blueprint"]),
        ("up", ["blueprint"]),
        ("down", ["blueprint"]),
        ("rollback", ["environment"]),
        ("tick", []),
    ],
)
def test_what_must_be_filled_in_is_required(verb: str, required: list[str]) -> None:
    assert schema(verb).get("required", []) == required


@pytest.mark.parametrize(
    ("verb", "field", "good", "bad"),
    [
        ("up", "environment", ["dev", "pr-17"], ["Dev", "", "a b", "-x"]),
        ("up", "blueprint", ["store:shop", "git+https://h/r.git//f?ref=x", "/srv/a shop"], ["", " x", "x "]),
        ("rollback", "environment", ["shop/dev"], ["shop", "shop/", "Shop/dev", "a/b/c"]),
    ],
)
def test_a_pattern_takes_what_is_right_and_refuses_what_is_not(
    verb: str, field: str, good: list[str], bad: list[str]
) -> None:
    pattern = schema(verb)["properties"][field]["pattern"]
    assert all(re.search(pattern, text) for text in good)
    assert not any(re.search(pattern, text) for text in bad)


def test_no_form_asks_for_a_secret() -> None:
    for verb in VERBS:
        for name, field in schema(verb)["properties"].items():
            assert field.get("format") != "password", (verb, name)


def test_every_deployment_is_named_verb_baton_with_a_module_entrypoint_a_pool_tags_and_a_limit() -> None:
    for verb, one in VERBS.items():
        assert (one["name"], one["entrypoint"]) == ("baton", f"flows.{verb}.{verb}")
        assert one["work_pool"]["name"] == "baton"
        assert one["tags"] == ["baton", verb]
        assert one["description"].strip()
        assert one["concurrency_limit"]["limit"] >= 1


def test_the_tick_comes_by_itself_and_never_twice_at_once() -> None:
    tick = VERBS["tick"]
    assert tick["schedules"][0]["interval"] == 90
    assert tick["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
