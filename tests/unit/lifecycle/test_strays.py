"""Which of a plan's resources something is that an interrupted apply made."""

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.ports import STACK_TAG, CloudResource
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
