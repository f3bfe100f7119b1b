# One network, one host, one open port. Runs unchanged on AWS: the region and the credentials come from the environment.

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
  description = "The key that may log in to the host."
  type        = string
}

variable "cidr" {
  description = "The network's range."
  type        = string
  default     = "10.1.0.0/16"
}

module "network" {
  source = "../../../terraform/modules/network"

  name = var.name
  cidr = var.cidr

  public_subnets = {
    front = { cidr = cidrsubnet(var.cidr, 8, 1) }
  }

  security_groups = {
    web = {
      ingress = {
        http = { port = 80, cidrs = ["0.0.0.0/0"] }
        ssh  = { port = 22, cidrs = [var.cidr] } # from inside the network only
      }
    }
  }
}

module "hosts" {
  source = "../../../terraform/modules/hosts"

  name           = var.name
  ssh_public_key = var.ssh_public_key

  hosts = {
    web-1 = {
      group              = "web"
      subnet_id          = module.network.public_subnet_ids["front"]
      security_group_ids = [module.network.security_group_ids["web"]]
      public             = true
    }
  }
}

output "hosts" {
  description = "The handoff: which hosts there are and how to reach them."
  value       = module.hosts.hosts
}
