# The ground of the shop: the network with every security group, the jump host, and the database.
# Runs unchanged on AWS: the region and the credentials come from the environment.

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

locals {
  ssh = { port = 22, groups = ["jump"] } # nobody logs in but through the jump host
}

module "network" {
  source = "../../../../terraform/modules/network"

  name = var.name
  cidr = var.cidr

  public_subnets = {
    edge = { cidr = cidrsubnet(var.cidr, 8, 1) }
  }

  private_subnets = {
    inside = { cidr = cidrsubnet(var.cidr, 8, 2) }
  }

  nat_gateway = var.nat_gateway ? "edge" : null

  security_groups = {
    jump = {
      description = "The only way in for operators"
      ingress     = { ssh = { port = 22, cidrs = [var.operator_cidr] } }
    }
    load-balancer = {
      description = "The only thing that the world sees"
      ingress     = { https = { port = 443, cidrs = ["0.0.0.0/0"] }, ssh = local.ssh }
    }
    web = {
      description = "Web servers, for the load balancer alone"
      ingress     = { app = { port = var.app_port, groups = ["load-balancer"] }, ssh = local.ssh }
    }
    database = {
      description = "The database, for the web servers alone"
      ingress     = { mysql = { port = 3306, groups = ["web"] }, ssh = local.ssh }
    }
  }
}

module "hosts" {
  source = "../../../../terraform/modules/hosts"

  name           = var.name
  ssh_public_key = var.ssh_public_key

  hosts = {
    jump-1 = {
      group              = "jump"
      subnet_id          = module.network.public_subnet_ids["edge"]
      security_group_ids = [module.network.security_group_ids["jump"]]
      public             = true
      connect_to         = "public"
    }
    db-1 = {
      group              = "database"
      subnet_id          = module.network.private_subnet_ids["inside"]
      security_group_ids = [module.network.security_group_ids["database"]]
      public             = false
      volume_size        = 20
    }
  }
}
