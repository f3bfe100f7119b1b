"""The Terraform modules that ship, applied for real against an AWS-compatible API."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from mypy_boto3_ec2 import EC2Client

from lifecycle.handoff import hosts_from_outputs
from lifecycle.inventory import ConnectionDefaults
from lifecycle.plan import Output
from tests.support.moto import moto_server
from tests.support.sshd import make_key
from tests.support.terraform import ROOT, RootModule, emulator, root_module

MODULES = sorted(path.name for path in (ROOT / "terraform/modules").iterdir())

RICH = f"""
provider "aws" {{
  default_tags {{ tags = {{ owner = "platform" }} }}
}}

variable "ssh_public_key" {{ type = string }}
variable "ami" {{ type = string }}

module "network" {{
  source = "{ROOT}/terraform/modules/network"
  name   = "shop"
  cidr   = "10.2.0.0/16"

  public_subnets  = {{ a = {{ cidr = "10.2.1.0/24", availability_zone = "eu-west-1a" }} }}
  private_subnets = {{ data = {{ cidr = "10.2.11.0/24" }} }}
  nat_gateway     = "a"

  security_groups = {{
    lb = {{ ingress = {{ https = {{ port = 443, cidrs = ["0.0.0.0/0", "192.0.2.0/24"] }} }} }}
    web = {{
      ingress = {{ app = {{ port = 8080, groups = ["lb"] }} }}
      egress  = {{ db = {{ port = 3306, groups = ["db"] }} }}
    }}
    db = {{
      ingress = {{
        mysql = {{ from_port = 3306, to_port = 3307, groups = ["web"] }}
        ping  = {{ protocol = "icmp", cidrs = ["10.2.0.0/16"] }}
      }}
      egress = {{}}
    }}
  }}
}}

module "hosts" {{
  source         = "{ROOT}/terraform/modules/hosts"
  name           = "shop"
  ssh_public_key = var.ssh_public_key
  ami            = var.ami

  hosts = {{
    web-1 = {{
      group              = "web"
      subnet_id          = module.network.public_subnet_ids["a"]
      security_group_ids = [module.network.security_group_ids["web"]]
    }}
    db-1 = {{
      group              = "db"
      subnet_id          = module.network.private_subnet_ids["data"]
      security_group_ids = [module.network.security_group_ids["db"]]
      volume_size        = 20
      user_data          = "#!/bin/sh\\ntrue\\n"
      tags               = {{ Role = "database" }}
    }}
  }}
}}

output "hosts" {{ value = module.hosts.hosts }}
"""


@pytest.fixture(scope="module")
def ec2() -> Iterator[EC2Client]:
    with moto_server() as api:
        yield boto3.client(
            "ec2",
            endpoint_url=api.endpoint_url,
            region_name=api.region,
            aws_access_key_id=api.access_key,
            aws_secret_access_key=api.secret_key,
        )


@pytest.fixture(scope="module")
def shop(ec2: EC2Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RootModule]:
    """Both modules, applied."""
    scratch = tmp_path_factory.mktemp("shop")
    image = ec2.register_image(Name="debian", RootDeviceName="/dev/xvda")["ImageId"]
    given = {"TF_VAR_ami": image, "TF_VAR_ssh_public_key": make_key(scratch / "key")}
    root = root_module(scratch, RICH, emulator(ec2.meta.endpoint_url) | given)
    root.init()
    root.run("apply", "-auto-approve", "-no-color")
    yield root
    root.run("destroy", "-auto-approve", "-no-color")
    ours = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["shop"]}])["Vpcs"]
    assert not ours, "destroy left a network"


@pytest.mark.parametrize("folder", ["terraform", "examples"])
def test_terraform_files_are_formatted(folder: str, tmp_path: Path) -> None:
    RootModule(ROOT / folder, tmp_path, {}).run("fmt", "-check", "-recursive")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_valid_by_itself(name: str, tmp_path: Path) -> None:
    root = root_module(tmp_path, "", {})
    for file in (ROOT / "terraform/modules" / name).glob("*.tf"):
        (root.folder / file.name).write_text(file.read_text() if file.name != "main.tf" else _with_backend(file))
    root.init()
    assert "valid" in root.run("validate", "-no-color")


def _with_backend(file: Path) -> str:
    return 'terraform {\n  backend "local" {}\n}\n' + file.read_text()


WRONG = f"""
variable "cidr" {{ type = string }}
variable "web" {{ type = string }}
variable "nat" {{
  type    = string
  default = null
}}

module "network" {{
  source          = "{ROOT}/terraform/modules/network"
  name            = "wrong"
  cidr            = var.cidr
  security_groups = {{ web = {{ ingress = {{ rule = jsondecode(var.web) }} }} }}
  nat_gateway     = var.nat
}}
"""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> RootModule:
    root = root_module(tmp_path_factory.mktemp("wrong"), WRONG, emulator("http://127.0.0.1:1"))
    root.init()
    return root


@pytest.mark.parametrize(
    ("cidr", "rule", "sentence"),
    [
        ("10.1.0.0/8", '{"port": 1, "cidrs": ["0.0.0.0/0"]}', "from /16 to /28"),
        ("10.1.0.0/16", '{"port": 1}', "Every rule names somebody"),
        ("10.1.0.0/16", '{"port": 1, "groups": ["db"]}', "not among this network's"),
        ("10.1.0.0/16", '{"from_port": 1, "cidrs": ["0.0.0.0/0"]}', "port, or from_port and to_port"),
    ],
    ids=["range", "nobody", "unknown-group", "half-a-range"],
)
def test_a_wrong_network_is_refused_with_a_sentence(wrong: RootModule, cidr: str, rule: str, sentence: str) -> None:
    given = replace(wrong, environment={**wrong.environment, "TF_VAR_cidr": cidr, "TF_VAR_web": rule})
    said = given.run("plan", "-no-color", ok=(1,))
    assert sentence in " ".join(said.split())


def test_a_nat_gateway_stands_in_a_public_subnet(wrong: RootModule) -> None:
    given = {"TF_VAR_cidr": "10.1.0.0/16", "TF_VAR_web": '{"port": 1, "cidrs": ["0.0.0.0/0"]}', "TF_VAR_nat": "data"}
    said = replace(wrong, environment={**wrong.environment, **given}).run("plan", "-no-color", ok=(1,))
    assert "nat_gateway names one of public_subnets" in " ".join(said.split())


def test_a_second_plan_changes_nothing(shop: RootModule) -> None:
    assert "No changes" in shop.run("plan", "-no-color", "-detailed-exitcode")


def test_security_groups_say_exactly_what_was_asked(shop: RootModule, ec2: EC2Client) -> None:
    groups = {
        g["GroupName"]: g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"
    }
    names = {g["GroupId"]: name for name, g in groups.items()}

    def rules(name: str, direction: str) -> set[tuple[Any, ...]]:
        permissions: Any = groups[name][direction]  # type: ignore[literal-required]
        return {
            (p["IpProtocol"], p.get("FromPort"), p.get("ToPort"), whom)
            for p in permissions
            for whom in [r["CidrIp"] for r in p["IpRanges"]] + [names[r["GroupId"]] for r in p["UserIdGroupPairs"]]
        }

    assert set(groups) == {"shop-lb", "shop-web", "shop-db"}
    assert rules("shop-lb", "IpPermissions") == {("tcp", 443, 443, "0.0.0.0/0"), ("tcp", 443, 443, "192.0.2.0/24")}
    assert rules("shop-lb", "IpPermissionsEgress") == {("-1", None, None, "0.0.0.0/0")}
    assert rules("shop-web", "IpPermissions") == {("tcp", 8080, 8080, "shop-lb")}
    assert rules("shop-web", "IpPermissionsEgress") == {("tcp", 3306, 3306, "shop-db")}
    assert rules("shop-db", "IpPermissions") == {("tcp", 3306, 3307, "shop-web"), ("icmp", -1, -1, "10.2.0.0/16")}
    assert rules("shop-db", "IpPermissionsEgress") == set()


def test_the_default_security_group_lets_nobody_in_or_out(shop: RootModule, ec2: EC2Client) -> None:
    vpc = shop.values("module.network.aws_vpc.this")["id"]
    wanted: Any = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [default] = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])


def test_only_public_subnets_reach_the_internet(shop: RootModule, ec2: EC2Client) -> None:
    vpc = shop.values("module.network.aws_vpc.this")["id"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    out = {
        link["SubnetId"]
        for table in tables
        if any(route.get("GatewayId", "").startswith("igw-") for route in table["Routes"])
        for link in table["Associations"]
        if "SubnetId" in link
    }
    assert out == {shop.values('module.network.aws_subnet.public["a"]')["id"]}


def test_private_subnets_get_out_through_the_nat_gateway_alone(shop: RootModule, ec2: EC2Client) -> None:
    subnet = shop.values('module.network.aws_subnet.private["data"]')["id"]
    wanted: Any = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [table] = ec2.describe_route_tables(Filters=wanted)["RouteTables"]
    out = {r["DestinationCidrBlock"]: r.get("NatGatewayId") for r in table["Routes"] if r.get("GatewayId") != "local"}
    assert out == {"0.0.0.0/0": shop.values("module.network.aws_nat_gateway.this[0]")["id"]}


def test_hosts_follow_aws_practice(shop: RootModule) -> None:
    instance = shop.values('module.hosts.aws_instance.this["db-1"]')
    [volume] = instance["root_block_device"]
    assert instance["metadata_options"][0]["http_tokens"] == "required"
    assert (volume["volume_type"], volume["volume_size"], volume["encrypted"]) == ("gp3", 20, True)
    assert volume["delete_on_termination"] is True
    assert instance["user_data_replace_on_change"] is True
    assert instance["tags_all"] == {"Name": "db-1", "Group": "db", "Role": "database", "owner": "platform"}


def test_the_hosts_output_is_what_the_handoff_reads(shop: RootModule) -> None:
    outputs = {"hosts": Output(shop.outputs()["hosts"])}
    hosts = {host.name: host for host in hosts_from_outputs("main", outputs, (), ConnectionDefaults())}
    assert set(hosts) == {"web-1", "db-1"}
    database = hosts["db-1"]
    assert database.id == shop.values('module.hosts.aws_instance.this["db-1"]')["id"]
    assert (database.connection.user, database.groups) == ("admin", ("db",))
    assert database.connection.address == database.facts["private_address"]
    assert database.tags["Role"] == "database"
