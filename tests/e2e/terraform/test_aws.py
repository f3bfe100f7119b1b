"""The real AWS provider against an AWS-compatible API: tags, ids, remote state, and an endpoint that is gone."""

import socket
from dataclasses import replace
from typing import Any

import boto3
import pytest

from adapters.terraform import failures, mirrors
from lifecycle.environment import EnvironmentRef
from lifecycle.outcomes import plan_words
from lifecycle.plan import Action, Severity

AWS = "registry.terraform.io/hashicorp/aws"
needs_the_provider = pytest.mark.skipif(
    not any(AWS in providers for providers in mirrors.discover().values()),
    reason="the AWS provider is in no filesystem mirror of this machine",
)
TAGS = {"baton:environment": "shop/dev", "baton:stack": "web"}
STACK = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_key_pair" "k" {
  key_name   = "baton-e2e"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zr9hXyq0cUWl8m8M2pUBGAQCwMTrkKQHCDFMSHBqk e2e"
  tags       = { Name = "k" }
}
resource "aws_s3_bucket" "b" {
  bucket = "baton-e2e"
}
resource "aws_security_group" "own" {
  name = "own"
  tags = { "baton:stack" = "mine" }
}
output "bucket" {
  value = aws_s3_bucket.b.arn
}
"""
PAIRS = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_key_pair" "k" {
  for_each   = toset(["a", "b"])
  key_name   = "baton-e2e-${each.key}"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zr9hXyq0cUWl8m8M2pUBGAQCwMTrkKQHCDFMSHBqk e2e"
}
"""
REMOTE = """
terraform {
  backend "s3" {
    bucket = "states"
    KEY
  }
}
resource "terraform_data" "a" {}
"""


def client(cloud: dict[str, str], name: Any) -> Any:
    return boto3.client(
        name,
        endpoint_url=cloud["AWS_ENDPOINT_URL"],
        region_name=cloud["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@needs_the_provider
def test_the_environments_tags_reach_every_resource_of_an_unchanged_module(
    make_desk: Any, cloud: dict[str, str]
) -> None:
    desk = make_desk(cloud)
    desk.write(STACK)
    desk.stack = replace(desk.stack, tags=TAGS)
    plan = desk.plan()
    assert {c.address: c.tags for c in plan.changes} == {
        "aws_key_pair.k": {**TAGS, "Name": "k"},
        "aws_s3_bucket.b": TAGS,
        "aws_security_group.own": {**TAGS, "baton:stack": "mine"},
    }
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.address) == (Severity.WARNING, "aws_security_group.own")

    assert desk.apply(plan).outputs["bucket"].value == "arn:aws:s3:::baton-e2e"
    tagged = client(cloud, "resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "baton:environment", "Values": ["shop/dev"]}]
    )
    assert "arn:aws:s3:::baton-e2e" in [r["ResourceARN"] for r in tagged["ResourceTagMappingList"]]
    pairs = client(cloud, "ec2").describe_key_pairs(Filters=[{"Name": "tag:baton:environment", "Values": ["shop/dev"]}])
    assert [pair["KeyName"] for pair in pairs["KeyPairs"]] == ["baton-e2e"]

    client(cloud, "ec2").delete_key_pair(KeyName="baton-e2e")  # behind our back
    again = desk.plan()
    assert {c.address: c.action for c in again.acting} == {"aws_key_pair.k": Action.CREATE}
    assert {c.address: c.action for c in again.drift if c.action is Action.DELETE} == {"aws_key_pair.k": Action.DELETE}
    assert again.digest == desk.plan().digest
    desk.destroy()
    assert desk.resources() == []
    assert "baton-e2e" not in [bucket["Name"] for bucket in client(cloud, "s3").list_buckets()["Buckets"]]


@needs_the_provider
def test_what_only_the_state_still_knows_of_is_struck_off_it(make_desk: Any, cloud: dict[str, str]) -> None:
    """As after a kill between the cloud's answer to a deletion and the writing of the state."""
    desk = make_desk(cloud)
    desk.write(PAIRS)
    desk.apply()
    client(cloud, "ec2").delete_key_pair(KeyName="baton-e2e-b")
    desk.write(PAIRS.replace('["a", "b"]', '["a"]'))
    plan = desk.plan()
    assert (plan.acting, plan.gone) == ((), {'aws_key_pair.k["b"]'})
    assert plan.applyable
    assert plan_words(plan) == "1 was gone already"
    desk.apply(plan)
    assert 'aws_key_pair.k["b"]' not in desk.resources()
    assert not desk.plan().applyable
    desk.destroy()
    assert desk.resources() == []


@needs_the_provider
def test_an_endpoint_that_is_gone_is_told_at_once(make_desk: Any, cloud: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    desk = make_desk({**cloud, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
    desk.write(STACK)
    with pytest.raises(failures.EndpointUnreachable, match=f"nothing answers at http://127.0.0.1:{port}"):
        desk.plan()


class TestRemoteState:
    @pytest.fixture
    def states(self, cloud: dict[str, str]) -> Any:
        s3 = client(cloud, "s3")
        s3.create_bucket(Bucket="states")
        yield s3
        for entry in s3.list_objects_v2(Bucket="states").get("Contents", ()):
            s3.delete_object(Bucket="states", Key=entry["Key"])
        s3.delete_bucket(Bucket="states")

    def test_a_backend_of_the_module_is_used_and_another_environment_may_not_share_it(
        self, make_desk: Any, cloud: dict[str, str], states: Any
    ) -> None:
        desk = make_desk(cloud)
        desk.write(REMOTE.replace("KEY", 'key = "web.tfstate"'))
        desk.apply()
        assert [entry["Key"] for entry in states.list_objects_v2(Bucket="states")["Contents"]] == ["web.tfstate"]
        assert not (desk.work / "terraform.tfstate").exists()
        assert desk.resources() == ["terraform_data.a"]
        prod = replace(desk.stack, environment=EnvironmentRef("shop", "prod"))
        with pytest.raises(failures.SharedState, match="as shop/dev/stacks/web"):
            desk.provisioner.plan(prod, desk.run())
        desk.destroy()
        assert desk.resources() == []
        desk.provisioner.forget(desk.stack)

    def test_a_setting_gives_every_environment_a_state_of_its_own(
        self, make_desk: Any, cloud: dict[str, str], states: Any
    ) -> None:
        desk = make_desk(cloud, backend_config={"key": "{blueprint}/{environment}/{stack}.tfstate"})
        desk.write(REMOTE.replace("KEY", ""))
        desk.apply()
        desk.stack = replace(desk.stack, environment=EnvironmentRef("shop", "prod"))
        desk.apply()
        keys = [entry["Key"] for entry in states.list_objects_v2(Bucket="states")["Contents"]]
        assert keys == ["shop/dev/web.tfstate", "shop/prod/web.tfstate"]

    def test_a_backend_that_comes_later_does_not_lose_the_state(
        self, make_desk: Any, cloud: dict[str, str], states: Any
    ) -> None:
        desk = make_desk(cloud)
        desk.write('resource "terraform_data" "a" {}\n')
        desk.apply()
        desk.write(REMOTE.replace("KEY", 'key = "web.tfstate"'))
        with pytest.raises(failures.BackendChanged, match="the state lies in"):
            desk.plan()
        desk.write('resource "terraform_data" "a" {}\n')
        assert not desk.plan().applyable

    def test_a_backend_that_goes_does_not_lose_the_state_either(
        self, make_desk: Any, cloud: dict[str, str], states: Any
    ) -> None:
        desk = make_desk(cloud)
        desk.write(REMOTE.replace("KEY", 'key = "web.tfstate"'))
        desk.apply()
        desk.write('resource "terraform_data" "a" {}\n')
        with pytest.raises(failures.BackendChanged):
            desk.plan()
