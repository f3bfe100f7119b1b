# One private subnet and as many hosts in it as are asked for.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 6.0"
    }
  }
}

provider "aws" {}

variable "name" {
  description = "What this environment is called."
  type        = string
}

variable "ssh_public_key" {
  description = "The key that may log in to the hosts."
  type        = string
}

variable "hosts" {
  description = "How many hosts."
  type        = number
}

locals {
  cidr = "10.3.0.0/16"
}

module "network" {
  source = "../../../terraform/modules/network"

  name            = var.name
  cidr            = local.cidr
  private_subnets = { inside = { cidr = cidrsubnet(local.cidr, 8, 1) } }

  security_groups = {
    web = { ingress = { ssh = { port = 22, cidrs = [local.cidr] } } }
  }
}

module "hosts" {
  source = "../../../terraform/modules/hosts"

  name           = var.name
  ssh_public_key = var.ssh_public_key

  hosts = {
    for number in range(1, var.hosts + 1) : "web-${number}" => {
      group              = "web"
      subnet_id          = module.network.private_subnet_ids["inside"]
      security_group_ids = [module.network.security_group_ids["web"]]
      public             = false
    }
  }
}

output "hosts" {
  description = "The handoff: which hosts there are and how to reach them."
  value       = module.hosts.hosts
}
