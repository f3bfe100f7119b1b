"""A plan as other engines know it."""

import pytest

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.document import plan_document, unknown_tree
from lifecycle.policy.facts import StackFacts
from lifecycle.sensitive import Sensitive


@pytest.mark.parametrize("action", Action)
def test_every_action_has_terraforms_words(action: Action) -> None:
    change = ResourceChange('module.a["x.y"].aws_x.b[0]', "aws_x", action, after={"a": 1})
    (told,) = plan_document(StackFacts("web", Plan("web", "d", changes=(change,))))["resource_changes"]
    assert told["change"]["actions"]
    assert (told["module_address"], told["name"], told["type"]) == ('module.a["x.y"]', "b", "aws_x")


def test_unknown_paths_become_a_tree() -> None:
    paths = ("id", "ebs[1].volume_id", "open[0]", "tags.owner", "tags.stage")
    assert unknown_tree(paths) == {
        "id": True,
        "ebs": [{}, {"volume_id": True}],
        "open": [True],
        "tags": {"owner": True, "stage": True},
    }


def test_no_secret_is_in_it() -> None:
    told = plan_document(StackFacts("web", variables={"password": Sensitive("hunter2")}))
    assert told["variables"] == {"password": {"value": "***"}}
