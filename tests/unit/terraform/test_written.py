"""What the files of a configuration say about each resource."""

import json
from pathlib import Path

from adapters.terraform import parse
from adapters.terraform.written import installed, pins, resources
from lifecycle.policy.facts import PinKind
from lifecycle.scrub import Scrubber

ROOT = """\
terraform {
  required_providers {
    aws  = { source = "hashicorp/aws", version = "~> 5.0" }
    tls = {
      source  = "hashicorp/tls"
    }
  }
}

resource "aws_security_group" "web" {
  name = "web" # resource "aws_vpc" "commented" {}
  ingress {
    from_port = 22
  }
  dynamic "egress" {
    for_each = var.rules
    content {
      to_port = egress.value
    }
  }
  tags = { owner = "a" }
}

data "aws_ami" "a" { most_recent = true }

module "near" {
  source = "./near"
  count  = 2
}

module "far" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.1.2"
}
"""


def module(folder: Path) -> Path:
    (folder / "near").mkdir()
    (folder / "main.tf").write_text(ROOT)
    (folder / "near" / "main.tf").write_text('\nresource "aws_instance" "a" {\n  ami = "x"\n}\n')
    return folder


def test_every_resource_is_known_by_address_with_its_place_and_what_it_sets(tmp_path: Path) -> None:
    found = resources(module(tmp_path))
    group = found["aws_security_group.web"]
    assert group.where == f"{tmp_path}/main.tf:10"
    assert group.sets == {"name", "ingress", "egress", "tags"}
    assert found["data.aws_ami.a"].sets == {"most_recent"}
    assert found["module.near.aws_instance.a"].where == f"{tmp_path}/near/main.tf:2"
    assert len(found) == 3


def test_a_module_from_elsewhere_is_read_where_init_put_it(tmp_path: Path) -> None:
    source, work = module(tmp_path), tmp_path / "work"
    (work / "data/modules/far").mkdir(parents=True)
    (work / "data/modules/far/main.tf").write_text('resource "aws_vpc" "this" {\n}\n')
    listed = {"Modules": [{"Key": "", "Dir": "."}, {"Key": "far", "Dir": "data/modules/far"}]}
    (work / "data/modules/modules.json").write_text(json.dumps(listed))
    assert "module.far.aws_vpc.this" in resources(source, installed(work / "data", work))
    assert installed(tmp_path / "nowhere", work) == {}


def test_a_module_that_calls_itself_comes_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('module "m" {\n  source = "./"\n}\nresource "a" "b" {\n}\n')
    assert "module.m.a.b" in resources(tmp_path)


def test_versions_are_told_as_they_are_written(tmp_path: Path) -> None:
    found = pins(module(tmp_path))
    assert [(one.kind, one.name, one.version, one.source) for one in found] == [
        (PinKind.PROVIDER, "aws", "~> 5.0", ""),
        (PinKind.PROVIDER, "tls", "", ""),
        (PinKind.MODULE, "near", "", "./near"),
        (PinKind.MODULE, "far", "5.1.2", "terraform-aws-modules/vpc/aws"),
    ]
    assert found[1].where == f"{tmp_path}/main.tf:4"


def plan(*addresses: str) -> bytes:
    """A plan in which the resources' rules are unknown, as Terraform tells it: without a word on `ingress`."""
    changes = [
        {
            "address": a,
            "type": "aws_security_group",
            "change": {"actions": ["create"], "after": {}, "after_unknown": {"ingress": True}},
        }
        for a in addresses
    ]
    root = {"resources": [{"address": "aws_security_group.web", "expressions": {"name": {"constant_value": "web"}}}]}
    return json.dumps({"resource_changes": changes, "configuration": {"root_module": root}}).encode()


def test_what_terraform_leaves_out_of_its_own_list_comes_from_the_files(tmp_path: Path) -> None:
    data = plan('aws_security_group.web["a.b"]')
    (alone,) = parse.plan(data, Scrubber(), {}).changes
    assert alone.configured == frozenset({"name"})
    (change,) = parse.plan(data, Scrubber(), {}, resources(module(tmp_path))).changes
    assert change.configured == frozenset({"name", "ingress", "egress", "tags"})
    assert change.where == f"{tmp_path}/main.tf:10"


def test_of_a_resource_in_no_file_nobody_knows_what_is_set() -> None:
    (change,) = parse.plan(plan("aws_security_group.web"), Scrubber(), {}, {}).changes
    assert (change.configured, change.where) == (None, "")


def test_the_plans_digest_does_not_depend_on_it(tmp_path: Path) -> None:
    data = plan("aws_security_group.web")
    assert (
        parse.plan(data, Scrubber(), {}).essence
        == parse.plan(data, Scrubber(), {}, resources(module(tmp_path))).essence
    )
