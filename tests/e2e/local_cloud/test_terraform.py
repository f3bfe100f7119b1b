"""Ordinary AWS modules, through real Terraform, become hosts that SSH opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.terraform import root_module

MODULE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { max_retries = 3 }
data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"]
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}
resource "aws_vpc" "this" { cidr_block = "10.30.0.0/16" }
resource "aws_internet_gateway" "this" { vpc_id = aws_vpc.this.id }
resource "aws_subnet" "public" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.30.1.0/24"
}
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}
resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}
resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.this.id
}
resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each          = { http = [80, "0.0.0.0/0"], ssh = [22, aws_vpc.this.cidr_block] }
  security_group_id = aws_security_group.web.id
  ip_protocol       = "tcp"
  from_port         = each.value[0]
  to_port           = each.value[0]
  cidr_ipv4         = each.value[1]
}
resource "aws_key_pair" "this" {
  key_name   = "terraform"
  public_key = "PUBLIC_KEY"
}
resource "aws_instance" "web" {
  ami                         = data.aws_ami.debian.id
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.public.id
  associate_public_ip_address = true
  key_name                    = aws_key_pair.this.key_name
  vpc_security_group_ids      = [aws_security_group.web.id]
  user_data                   = "#!/bin/sh\\nservice nginx start\\n"
  tags                        = { Name = "terraformed" }
}
output "id" { value = aws_instance.web.id }
output "public_ip" { value = aws_instance.web.public_ip }
"""


def test_terraform_makes_a_host_sees_no_drift_and_takes_it_down(cloud: Any, tmp_path: Path) -> None:
    known = cloud.description
    environment = {
        "AWS_ENDPOINT_URL": known["endpoint_url"],
        "AWS_REGION": known["region"],
        "AWS_ACCESS_KEY_ID": known["access_key"],
        "AWS_SECRET_ACCESS_KEY": known["secret_key"],
    }
    text = MODULE.replace("PUBLIC_KEY", cloud.key.with_suffix(".pub").read_text().strip())
    module = root_module(tmp_path, text, environment)
    module.init()
    module.run("apply", "-auto-approve", "-no-color")
    made = module.outputs()
    cloud.await_user_data(made["id"])
    assert cloud.ssh(made["id"], "hostname").stdout.startswith("ip-10-30-1-")
    assert cloud.dial(dial="outside", host=made["public_ip"], port=80) == "open"
    assert cloud.dial(dial="outside", host=made["public_ip"], port=22) == "timeout"
    module.run("plan", "-detailed-exitcode", "-no-color")
    module.run("destroy", "-auto-approve", "-no-color")
    assert not (cloud.home / "hosts" / made["id"]).exists()
