# What serves the shop: the web servers and the load balancer before them, in the network of the data stack.

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
  web_names = [for number in range(1, var.web_count + 1) : "web-${number}"]
}

module "hosts" {
  source = "../../../../terraform/modules/hosts"

  name           = "${var.name}-front"
  ssh_public_key = var.ssh_public_key

  hosts = merge(
    {
      for name in local.web_names : name => {
        group              = "web"
        subnet_id          = var.network.private_subnet
        security_group_ids = [var.network.security_groups["web"]]
        public             = false
      }
    },
    {
      lb-1 = {
        group              = "lb"
        subnet_id          = var.network.public_subnet
        security_group_ids = [var.network.security_groups["load-balancer"]]
        public             = true
      }
    },
  )
}
