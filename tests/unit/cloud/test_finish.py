"""What a provider that was killed did not come to, in a security group that it was making."""

from typing import Any

from adapters.cloud.removing import revoke_default_egress


class Rules:
    """EC2 with one group's rules."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.rules, self.revoked = rules, list[str]()

    def describe_security_group_rules(self, **_: Any) -> dict[str, Any]:
        return {"SecurityGroupRules": list(self.rules)}

    def revoke_security_group_egress(self, *, GroupId: str, SecurityGroupRuleIds: list[str]) -> None:  # noqa: N803
        self.revoked += SecurityGroupRuleIds


def rule(id: str, **more: Any) -> dict[str, Any]:
    return {"SecurityGroupRuleId": id, "IsEgress": True, "IpProtocol": "-1", "CidrIpv4": "0.0.0.0/0", **more}


def test_the_rule_that_aws_made_goes_and_no_other() -> None:
    """Left there, the module's own rule to everywhere would be refused as a duplicate, in every run again."""
    mine = rule("sgr-2", Tags=[{"Key": "Name", "Value": "all"}])
    narrow = rule("sgr-3", CidrIpv4="10.0.0.0/8")
    ingress = rule("sgr-4", IsEgress=False)
    ec2: Any = Rules(rule("sgr-1"), mine, narrow, ingress)
    revoke_default_egress(ec2, "sg-1")
    assert ec2.revoked == ["sgr-1"]


def test_a_group_that_was_finished_is_left_alone() -> None:
    ec2: Any = Rules(rule("sgr-2", Tags=[{"Key": "Name", "Value": "all"}]))
    revoke_default_egress(ec2, "sg-1")
    assert ec2.revoked == []
