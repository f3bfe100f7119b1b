"""Records what a real Terraform writes, for the golden tests: `python tests/golden/terraform/record.py [NAME ...]`.

Needs terraform on PATH and, for the cases with AWS in them, the AWS provider in a filesystem mirror that the adapter finds.
Every case is a small module and a few commands; the last command's output is kept. Paths and times are made neutral.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from adapters.cloud.api import Aws  # noqa: E402 - the project is not installed where this runs
from adapters.terraform import mirrors  # noqa: E402
from tests.support.moto import moto_server  # noqa: E402

AWS = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
PLAN = ("plan", "-json", "-input=false")
INIT = ("init", "-input=false", "-no-color")
WITH_ID = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'


@dataclass(frozen=True)
class Case:
    """A module and what is run on it. A file named `NAME@N` replaces NAME before command N."""

    files: Mapping[str, str]
    commands: tuple[tuple[str, ...], ...]
    replies: Mapping[str, tuple[int, str]] | None = None  # an AWS endpoint that answers so, by action
    environment: Mapping[str, str] = field(default_factory=dict)
    meanwhile: tuple[str, ...] = ()  # a command that is at work while the last one runs
    trouble: Callable[[subprocess.Popen[bytes]], None] | None = None  # what happens to the last command
    mirror_only: bool = False
    by_hand: Callable[[Any], None] | None = None  # what somebody does in a cloud of its own (moto) before the last plan


def error(code: str, message: str) -> str:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


def ec2_error(code: str, message: str) -> str:
    return f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"


IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>u</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
VPC = AWS + 'resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n}\n'
KEY = AWS + 'resource "aws_key_pair" "k" {\n  public_key = "ssh-ed25519 AAAA"\n}\n'
LOCK = (
    'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.100.0"\n  hashes = [\n'
    '    "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",\n  ]\n}\n'
)


def kill_provider(process: subprocess.Popen[bytes]) -> None:
    """Kill every provider that Terraform starts, until it gives up."""
    while process.poll() is None:
        time.sleep(4)  # an instance that only tells its schema has ended by then
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().rpartition(")")
                if "(terraform-prov" in name and int(rest.split()[1]) == process.pid:
                    os.kill(int(stat.parent.name), signal.SIGKILL)
            except (OSError, ValueError):
                continue


def refused(status: int, code: str, message: str) -> Case:
    """An apply whose first call the cloud refuses in this way, and that does not insist."""
    return Case(
        {"main.tf": KEY + 'provider "aws" {\n  max_retries = 1\n}\n'},
        (INIT, (*PLAN, "-out=p"), ("apply", "-json", "p")),
        {"GetCallerIdentity": (200, IDENTITY), "": (status, ec2_error(code, message))},
    )


FAILURES: dict[str, Case] = {
    "state_locked": Case(
        {"main.tf": 'resource "terraform_data" "a" {\n  provisioner "local-exec" {\n    command = "sleep 4"\n  }\n}\n'},
        (INIT, ("plan", "-json", "-lock-timeout=0s")),
        meanwhile=("apply", "-auto-approve"),
    ),
    # no_space_left was recorded by hand, on a tmpfs that the apply itself filled up
    "stale_plan": Case(
        {"main.tf": WITH_ID},
        (INIT, (*PLAN, "-out=p"), ("apply", "-auto-approve"), ("apply", "-json", "p")),
    ),
    "provider_not_in_mirror": Case(
        {"main.tf": 'terraform {\n  required_providers {\n    random = { source = "hashicorp/random" }\n  }\n}\n'},
        (INIT,),
        mirror_only=True,
    ),
    "provider_version_not_in_mirror": Case(
        {"main.tf": AWS.replace('"hashicorp/aws"', '"hashicorp/aws", version = "~> 4.0"')}, (INIT,), mirror_only=True
    ),
    "registry_unreachable": Case(
        {"main.tf": 'terraform {\n  required_providers {\n    random = { source = "hashicorp/random" }\n  }\n}\n'},
        (INIT,),
    ),
    "provider_not_installed": Case({"main.tf": VPC}, (PLAN,)),
    "provider_checksum": Case({"main.tf": VPC, ".terraform.lock.hcl": LOCK}, (INIT,)),
    "module_not_installed": Case({"main.tf": 'module "m" {\n  source = "./m"\n}\n', "m/main.tf": WITH_ID}, (PLAN,)),
    "module_directory_missing": Case({"main.tf": 'module "m" {\n  source = "../nowhere"\n}\n'}, (INIT,)),
    "module_registry_unreachable": Case(
        {"main.tf": 'module "m" {\n  source  = "terraform-aws-modules/vpc/aws"\n  version = "5.0.0"\n}\n'}, (INIT,)
    ),
    "missing_variable": Case({"main.tf": 'variable "size" {}\n'}, (INIT, PLAN)),
    "wrong_type": Case(
        {"main.tf": 'variable "size" {\n  type = number\n}\n', "v.tfvars.json": '{"size": "huge"}'},
        (INIT, (*PLAN, "-var-file=v.tfvars.json")),
    ),
    "validation_failed": Case(
        {
            "main.tf": 'variable "size" {\n  type = number\n  validation {\n    condition     = var.size < 5\n'
            '    error_message = "At most four."\n  }\n}\n',
            "v.tfvars.json": '{"size": 7}',
        },
        (INIT, (*PLAN, "-var-file=v.tfvars.json")),
    ),
    "undeclared_variable": Case({"main.tf": WITH_ID}, (INIT, (*PLAN, "-var=colour=red"))),
    "syntax": Case({"main.tf": 'resource "terraform_data" "a" {\n  input = \n}\n'}, (INIT,)),
    "syntax_while_planning": Case({"main.tf": WITH_ID, "main.tf@1": WITH_ID + "output\n"}, (INIT, PLAN)),
    "undeclared_resource": Case({"main.tf": 'output "o" {\n  value = terraform_data.b.id\n}\n'}, (INIT, PLAN)),
    "unsupported_argument": Case(
        {"main.tf": 'resource "terraform_data" "a" {\n  colour = "red"\n}\n'}, (INIT, ("validate", "-json"))
    ),
    "unknown_for_each": Case(
        {"main.tf": WITH_ID + 'resource "terraform_data" "b" {\n  for_each = toset([terraform_data.a.id])\n}\n'},
        (INIT, PLAN),
    ),
    "terraform_version": Case({"main.tf": 'terraform {\n  required_version = "< 1.0"\n}\n'}, (INIT,)),
    "backend_changed": Case(
        {
            "main.tf": 'terraform {\n  backend "local" {\n    path = "a.tfstate"\n  }\n}\n' + WITH_ID,
            "main.tf@2": 'terraform {\n  backend "local" {\n    path = "b.tfstate"\n  }\n}\n' + WITH_ID,
        },
        (INIT, ("apply", "-auto-approve"), INIT),
    ),
    "state_of_a_newer_terraform": Case(
        {
            "main.tf": WITH_ID,
            "terraform.tfstate": '{"version": 5, "terraform_version": "9.9.9", "serial": 1, "lineage": "x", "outputs": {}}',
        },
        (INIT, PLAN),
    ),
    "prevent_destroy": Case(
        {"main.tf": 'resource "terraform_data" "a" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'},
        (INIT, ("apply", "-auto-approve"), (*PLAN, "-destroy")),
    ),
    "precondition": Case(
        {
            "main.tf": 'variable "n" {\n  default = 1\n}\nresource "terraform_data" "a" {\n  lifecycle {\n    precondition {\n'
            '      condition     = var.n > 2\n      error_message = "The world is upside down."\n    }\n  }\n}\n'
        },
        (INIT, PLAN),
    ),
    "provisioner_failed": Case(
        {
            "main.tf": 'resource "terraform_data" "a" {\n  provisioner "local-exec" {\n    command = "echo no; exit 3"\n  }\n}\n'
        },
        (INIT, (*PLAN, "-out=p"), ("apply", "-json", "p")),
    ),
    "no_credentials": Case(
        {"main.tf": VPC}, (INIT, PLAN), environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    ),
    "credentials_refused": Case(
        {"main.tf": VPC},
        (INIT, PLAN),
        {"": (403, error("InvalidClientTokenId", "The security token included in the request is invalid."))},
    ),
    "permission_denied": Case(
        {"main.tf": VPC},
        (INIT, (*PLAN, "-out=p"), ("apply", "-json", "p")),
        {
            "GetCallerIdentity": (200, IDENTITY),
            "": (403, ec2_error("UnauthorizedOperation", "You are not authorized to perform this operation.")),
        },
    ),
    "quota": Case(
        {"main.tf": VPC},
        (INIT, (*PLAN, "-out=p"), ("apply", "-json", "p")),
        {
            "GetCallerIdentity": (200, IDENTITY),
            "": (400, ec2_error("VpcLimitExceeded", "The maximum number of VPCs has been reached.")),
        },
    ),
    "throttled": refused(503, "RequestLimitExceeded", "Request limit exceeded."),
    "endpoint_fails": refused(500, "InternalError", "An internal error has occurred"),
    "still_in_use": refused(400, "DependencyViolation", "The vpc 'vpc-1' has dependencies and cannot be deleted."),
    "endpoint_refuses": Case({"main.tf": VPC}, (INIT, PLAN), environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    "provider_crashed": Case({"main.tf": VPC}, (INIT, PLAN), {"": (0, "")}, trouble=kill_provider),
}

SENSITIVE = """
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "db" {
  input = { user = "app", password = var.password, hosts = ["a", var.password] }
}
output "password" {
  value     = var.password
  sensitive = true
}
output "user" {
  value = "app"
}
output "id" {
  value = terraform_data.db.id
}
"""
SECRET = '{"password": "correct horse battery"}'
SHOWN = ((*PLAN, "-out=p", "-var-file=v.tfvars.json"), ("show", "-json", "p"))
APPLY = ("apply", "-auto-approve", "-var-file=v.tfvars.json")
REPLACED = 'resource "terraform_data" "a" {{\n  input            = "x"\n  triggers_replace = "{}"\n{}}}\n'
FIRST = "  lifecycle {\n    create_before_destroy = true\n  }\n"

UNKNOWN = """
variable "given" { default = "known" }
resource "terraform_data" "a" {}
resource "terraform_data" "computed" {
  input = var.given
}
resource "terraform_data" "whole" {
  input = terraform_data.a.id
}
resource "terraform_data" "inside" {
  input = { known = "x", id = terraform_data.a.id, list = ["x", terraform_data.a.id], deep = { in = [{ id = terraform_data.a.id }] } }
}
resource "terraform_data" "counted" {
  count = 2
  input = "${count.index}-${terraform_data.a.id}"
}
module "m" {
  source = "./m"
  id     = terraform_data.a.id
}
resource "terraform_data" "through_a_module" {
  input = module.m.id
}
output "partly" {
  value = { known = 1, unknown = terraform_data.a.id }
}
"""
PASSED_ON = """
variable "id" {}
resource "terraform_data" "b" {
  input = { id = var.id }
}
output "id" {
  value = terraform_data.b.output
}
"""
IN_BLOCKS = (
    AWS
    + """
resource "terraform_data" "a" {}
resource "aws_security_group" "written" {
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", terraform_data.a.id]
  }
}
resource "aws_security_group" "dynamic" {
  dynamic "ingress" {
    for_each = [terraform_data.a.id]
    content {
      from_port   = 443
      to_port     = 443
      protocol    = "tcp"
      cidr_blocks = [ingress.value]
    }
  }
}
resource "aws_instance" "i" {
  ami           = terraform_data.a.id
  instance_type = "t3.micro"
  user_data     = "echo ${terraform_data.a.id}"
  tags          = { Name = "i", other = terraform_data.a.id }
  root_block_device {
    encrypted = true
  }
}
resource "aws_ebs_volume" "v" {
  availability_zone = aws_instance.i.availability_zone
  size              = 10
}
"""
)
BY_SCHEMA = (
    AWS
    + """
variable "password" {
  type      = string
  sensitive = true
}
resource "aws_ssm_parameter" "plain" {
  name  = "/p"
  type  = "SecureString"
  value = "correct horse battery"
}
resource "aws_ssm_parameter" "marked" {
  name  = "/q"
  type  = "SecureString"
  value = var.password
  tags  = { owner = "platform", token = var.password }
}
"""
)
NETWORK = """
resource "aws_vpc" "v" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_internet_gateway" "g" {
  vpc_id = aws_vpc.v.id
}
resource "aws_route_table" "t" {
  vpc_id = aws_vpc.v.id
}
resource "aws_route" "r" {
  route_table_id         = aws_route_table.t.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.g.id
}
resource "aws_security_group" "s" {
  name   = "web"
  vpc_id = aws_vpc.v.id
}
resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.s.id
  description       = "https"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.s.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
"""


def nobody(ec2: Any) -> None:
    """A cloud in which nobody does anything."""


def somebody(ec2: Any) -> None:
    """Opens a port, labels the network, and takes the gateway away."""
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["web"]}])["SecurityGroups"]
    ranges = [{"CidrIp": "0.0.0.0/0"}]
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": ranges}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    ec2.create_tags(Resources=[group["VpcId"]], Tags=[{"Key": "owner", "Value": "somebody"}])
    tables = ec2.describe_route_tables(Filters=[{"Name": "route.destination-cidr-block", "Values": ["0.0.0.0/0"]}])
    (table,) = tables["RouteTables"]
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


INTO_A_MODULE = (
    'module "m" {\n  source = "./m"\n}\nmoved {\n  from = terraform_data.a\n  to   = module.m.terraform_data.a\n}\n'
)

PLANS: dict[str, Case] = {
    "drift_after_the_first_apply": Case(
        {"main.tf": AWS + NETWORK, "v.tfvars.json": "{}"}, (INIT, APPLY, *SHOWN), by_hand=nobody
    ),
    "drift_by_hand": Case({"main.tf": AWS + NETWORK, "v.tfvars.json": "{}"}, (INIT, APPLY, *SHOWN), by_hand=somebody),
    "unknown_kinds": Case({"main.tf": UNKNOWN, "m/main.tf": PASSED_ON, "v.tfvars.json": "{}"}, (INIT, *SHOWN)),
    "unknown_in_blocks": Case(
        {"main.tf": IN_BLOCKS, "v.tfvars.json": "{}"}, (INIT, *SHOWN), {"GetCallerIdentity": (200, IDENTITY)}
    ),
    "sensitive_by_schema": Case(
        {"main.tf": BY_SCHEMA, "v.tfvars.json": SECRET}, (INIT, *SHOWN), {"GetCallerIdentity": (200, IDENTITY)}
    ),
    "sensitive_changed": Case(
        {
            "main.tf": SENSITIVE,
            "v.tfvars.json": '{"password": "correct horse battery before"}',
            "v.tfvars.json@2": SECRET,
        },
        (INIT, APPLY, *SHOWN),
    ),
    "moved_and_changed": Case(
        {
            "main.tf": WITH_ID,
            "main.tf@2": WITH_ID.replace('"a"', '"b"').replace("x", "y")
            + "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n",
            "v.tfvars.json": "{}",
        },
        (INIT, APPLY, *SHOWN),
    ),
    "moved_into_a_module": Case(
        {"main.tf": WITH_ID, "m/main.tf": WITH_ID, "main.tf@2": INTO_A_MODULE, "v.tfvars.json": "{}"},
        (INIT, APPLY, INIT, *SHOWN),
    ),
    "imported_and_changed": Case(
        {"main.tf": WITH_ID + 'import {\n  to = terraform_data.a\n  id = "given-id"\n}\n', "v.tfvars.json": "{}"},
        (INIT, *SHOWN),
    ),
    "removed_from_the_configuration": Case(
        {
            "main.tf": WITH_ID + 'resource "terraform_data" "n" {\n  count = 2\n}\n',
            "main.tf@2": 'resource "terraform_data" "n" {\n  count = 1\n}\n',
            "v.tfvars.json": "{}",
        },
        (INIT, APPLY, *SHOWN),
    ),
    "tainted": Case({"main.tf": WITH_ID, "v.tfvars.json": "{}"}, (INIT, APPLY, ("taint", "terraform_data.a"), *SHOWN)),
    "create_with_secrets": Case({"main.tf": SENSITIVE, "v.tfvars.json": SECRET}, (INIT, *SHOWN)),
    "no_op": Case({"main.tf": SENSITIVE, "v.tfvars.json": SECRET}, (INIT, APPLY, *SHOWN)),
    "update_and_outputs": Case(
        {
            "main.tf": WITH_ID + 'output "o" {\n  value = 1\n}\n',
            "main.tf@2": WITH_ID.replace("x", "y") + 'output "o" {\n  value = 2\n}\n',
            "v.tfvars.json": "{}",
        },
        (INIT, APPLY, *SHOWN),
    ),
    "replace": Case(
        {"main.tf": REPLACED.format("1", ""), "main.tf@2": REPLACED.format("2", ""), "v.tfvars.json": "{}"},
        (INIT, APPLY, *SHOWN),
    ),
    "replace_create_first": Case(
        {"main.tf": REPLACED.format("1", FIRST), "main.tf@2": REPLACED.format("2", FIRST), "v.tfvars.json": "{}"},
        (INIT, APPLY, *SHOWN),
    ),
    "destroy": Case(
        {"main.tf": WITH_ID, "v.tfvars.json": "{}"},
        (INIT, APPLY, (*PLAN, "-destroy", "-out=p"), ("show", "-json", "p")),
    ),
    "moved": Case(
        {
            "main.tf": WITH_ID,
            "main.tf@2": WITH_ID.replace('"a"', '"b"')
            + "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n",
            "v.tfvars.json": "{}",
        },
        (INIT, APPLY, *SHOWN),
    ),
    "imported": Case(
        {
            "main.tf": 'resource "terraform_data" "a" {}\nimport {\n  to = terraform_data.a\n  id = "given-id"\n}\n',
            "v.tfvars.json": "{}",
        },
        (INIT, *SHOWN),
    ),
    "forgotten": Case(
        {
            "main.tf": WITH_ID,
            "main.tf@2": "removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = false\n  }\n}\n",
            "v.tfvars.json": "{}",
        },
        (INIT, APPLY, *SHOWN),
    ),
    "read_later": Case(
        {
            "main.tf": WITH_ID + 'data "terraform_remote_state" "r" {\n  backend    = "local"\n'
            "  config     = { path = terraform_data.a.output }\n  depends_on = [terraform_data.a]\n}\n",
            "v.tfvars.json": "{}",
        },
        (INIT, *SHOWN),
    ),
    "outputs_only": Case(
        {"main.tf": WITH_ID, "main.tf@2": WITH_ID + 'output "o" {\n  value = "new"\n}\n', "v.tfvars.json": "{}"},
        (INIT, APPLY, *SHOWN),
    ),
    "for_each_in_a_module": Case(
        {
            "main.tf": 'module "m" {\n  for_each = toset(["a.b", "c"])\n  source   = "./m"\n}\n',
            "m/main.tf": WITH_ID,
            "v.tfvars.json": "{}",
        },
        (INIT, *SHOWN),
    ),
    "aws_tags": Case(
        {
            "main.tf": VPC
            + 'resource "aws_vpc" "own" {\n  cidr_block = "10.1.0.0/16"\n  tags       = { "baton:stack" = "mine" }\n}\n'
            'resource "aws_route" "r" {\n  route_table_id         = aws_vpc.v.main_route_table_id\n'
            '  destination_cidr_block = "0.0.0.0/0"\n  gateway_id             = "igw-1"\n}\n',
            "v.tfvars.json": "{}",
        },
        (INIT, *SHOWN),
        {"GetCallerIdentity": (200, IDENTITY)},
        {"TF_AWS_DEFAULT_TAGS_baton:environment": "shop/dev", "TF_AWS_DEFAULT_TAGS_baton:stack": "web"},
    ),
}


class Endpoint(BaseHTTPRequestHandler):
    replies: Mapping[str, tuple[int, str]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        action = re.search(r"Action=(\w+)", body)
        status, text = self.replies.get(action[1] if action else "", self.replies.get("", (404, "")))
        if status == 0:
            time.sleep(30)
            return
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


def run(case: Case, folder: Path) -> tuple[tuple[str, ...], subprocess.CompletedProcess[bytes]]:
    """Run a case's commands; the last one and how it ended."""
    with ExitStack() as stack:
        return _run(case, folder, stack)


def _run(case: Case, folder: Path, stack: ExitStack) -> tuple[tuple[str, ...], subprocess.CompletedProcess[bytes]]:
    module = folder / "module"
    for name, text in case.files.items():
        if "@" not in name:
            (module / name).parent.mkdir(parents=True, exist_ok=True)
            (module / name).write_text(text)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Replies", (Endpoint,), {"replies": case.replies or {}}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = environment(case, folder, server.server_address[1])
    cloud = stack.enter_context(moto_server()) if case.by_hand else None
    if cloud:
        env |= {"AWS_ENDPOINT_URL": cloud.endpoint_url, "AWS_REGION": cloud.region}
    other = None
    for number, command in enumerate(case.commands):
        for name, text in case.files.items():
            if name.endswith(f"@{number}"):
                (module / name.partition("@")[0]).write_text(text)
        last = number == len(case.commands) - 1
        if cloud and case.by_hand and command[0] == "plan":
            case.by_hand(Aws(cloud).client("ec2"))
        if last and case.meanwhile:
            other = subprocess.Popen(["terraform", *case.meanwhile], cwd=module, env=env, stdout=subprocess.DEVNULL)
            time.sleep(1.5)
        process = subprocess.Popen(
            ["terraform", *command], cwd=module, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if last and case.trouble:
            case.trouble(process)
        try:
            out, err = process.communicate(timeout=600)
        finally:
            process.kill()
    if other:
        other.wait(60)
    server.shutdown()
    server.server_close()
    return command, subprocess.CompletedProcess(command, process.returncode, out, err)


def environment(case: Case, folder: Path, port: int) -> dict[str, str]:
    found = mirrors.discover()
    text = mirrors.cli_configuration(found, {"HOME": str(folder)}, implied_only=False) or ""
    if case.mirror_only:
        text = re.sub(r"  direct \{.*?  \}\n", "", text, flags=re.DOTALL)
    (folder / "terraform.rc").write_text(text)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(folder / "terraform.rc"),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        **case.environment,
    }


def neutral(text: str, folder: Path) -> str:
    """Nothing of this machine and this moment: paths, mirrors, ports, people, ids, times."""
    for mirror in mirrors.discover():
        text = text.replace(str(mirror), "/mirror")
    text = text.replace(str(folder), "/work").replace(os.uname().nodename, "host")
    text = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:5000", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC|Z)?", "2026-01-01T00:00:00Z", text)
    text = re.sub(r"(?i)(Who:\s+)\S+@", r"\1somebody@", text)
    text = re.sub(r"\d+\.\d+\.\d+\.\d+:53\b", "192.0.2.53:53", text)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-4000-8000-000000000000", text)


def main(names: list[str]) -> None:
    for kind, cases in (("failures", FAILURES), ("plans", PLANS)):
        (HERE / kind).mkdir(exist_ok=True)
        for name, case in cases.items():
            if names and name not in names:
                continue
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary).resolve()
                command, ended = run(case, folder)
                stdout, stderr = (neutral(data.decode(), folder) for data in (ended.stdout, ended.stderr))
            if kind == "plans":
                text = json.dumps(json.loads(stdout), indent=1, sort_keys=True)
            else:
                said = {"command": command[0], "returncode": ended.returncode, "stdout": stdout.splitlines()}
                text = json.dumps({**said, "stderr": stderr.splitlines()}, indent=1, ensure_ascii=False)
            (HERE / kind / f"{name}.json").write_text(text + "\n")
            print(name, ended.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
