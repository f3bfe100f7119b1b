# A network with a security group. The rule for SSH is what no policy lets through.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.62, < 6"
    }
  }
}

provider "aws" {}

variable "name" {
  type        = string
  description = "Name of the network and of what is in it"
}

resource "aws_vpc" "this" {
  cidr_block = "10.40.0.0/16"
  tags       = { Name = var.name }
}

resource "aws_security_group" "web" {
  name   = "${var.name}-web"
  vpc_id = aws_vpc.this.id

  ingress {
    description = "visitors"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  ingress {
    description = "anybody who likes to try passwords"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

output "vpc_id" {
  value = aws_vpc.this.id
}
