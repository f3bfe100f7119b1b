# One private subnet, a leader and as many members as are asked for.

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

variable "members" {
  description = "How many members."
  type        = number
}

locals {
  cidr   = "10.4.0.0/16"
  groups = merge({ "leader-1" = "leader" }, { for number in range(1, var.members + 1) : "member-${number}" => "member" })
}

module "network" {
  source = "../../../../../terraform/modules/network"

  name            = var.name
  cidr            = local.cidr
  private_subnets = { inside = { cidr = cidrsubnet(local.cidr, 8, 1) } }

  security_groups = {
    inside = { ingress = { ssh = { port = 22, cidrs = [local.cidr] } } }
  }
}

module "hosts" {
  source = "../../../../../terraform/modules/hosts"

  name           = var.name
  ssh_public_key = var.ssh_public_key

  hosts = {
    for name, group in local.groups : name => {
      group              = group
      subnet_id          = module.network.private_subnet_ids["inside"]
      security_group_ids = [module.network.security_group_ids["inside"]]
      public             = false
    }
  }
}

output "hosts" {
  description = "The handoff: which hosts there are and how to reach them."
  value       = module.hosts.hosts
}
