"""Which of a plan's resources something is that an interrupted apply made."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.ports import STACK_TAG, CloudResource, Run, StackSpec
from lifecycle.resuming import StraysUndecided, reconciled
from lifecycle.strays import decide, find

RULES = "aws_vpc_security_group_{}_rule"


def rule(direction: str, name: str) -> ResourceChange:
    kind = RULES.format(direction)
    tags = {STACK_TAG: "main", "Name": name}
    return ResourceChange(address=f"{kind}.{name}", type=kind, action=Action.CREATE, tags=tags)


def test_a_rule_of_a_firewall_is_told_by_its_tags_whatever_its_direction() -> None:
    """Made a second time it would be refused as a duplicate, by every run from then on."""
    plan = Plan("main", "digest", changes=(rule("ingress", "ssh"), rule("egress", "all")))
    made = CloudResource("sgr-1", "security-group-rule", {STACK_TAG: "main", "Name": "all"})
    adoptions, undecided = decide(plan, find(plan, "main", [made]))
    assert [(a.address, a.resource.id) for a in adoptions] == [(f"{RULES.format('egress')}.all", "sgr-1")]
    assert undecided == ()


def test_who_cannot_be_taken_over_is_named_with_the_way_out() -> None:
    """Terraform refuses to import into some modules (a `for_each` over resources that do not exist yet), in every run again."""
    made = CloudResource("sgr-1", "security-group-rule", {STACK_TAG: "main", "Name": "all"})

    def refuse(*_: Any) -> None:
        raise BatonError("Invalid for_each argument")

    ports: Any = SimpleNamespace(
        cloud=SimpleNamespace(tagged=lambda _: [made], finish=lambda _: None), provisioner=SimpleNamespace(adopt=refuse)
    )
    spec = StackSpec(EnvironmentRef("shop", "dev"), "main", Path())
    nobody: Any = None  # it does not come to look at anybody
    with pytest.raises(StraysUndecided, match="could not be taken over: Invalid for_each argument") as caught:
        reconciled(Plan("main", "digest", changes=(rule("egress", "all"),)), spec, nobody, ports, Run())
    assert "baton stray shop/dev sgr-1 --remove" in caught.value.hint
