# The shop in one root module, configured by provisioners: what people write who have Terraform alone.
#
# `remote-exec` speaks SSH itself and knows no ProxyCommand, so it cannot get into the local cloud: `local-exec` waits and configures.
# Terraform's own graph is the order: the front is built while the database is configured.

terraform {
  required_version = ">= 1.5"
}

variable "name" { type = string }
variable "ssh_public_key" { type = string }
variable "operator_cidr" { type = string }
variable "app_port" { type = number }
variable "cidr" { type = string }
variable "web_count" { type = number }

module "data" {
  source = "../../../examples/shop/terraform/data"

  name           = var.name
  ssh_public_key = var.ssh_public_key
  operator_cidr  = var.operator_cidr
  app_port       = var.app_port
  cidr           = var.cidr
}

module "front" {
  source = "../../../examples/shop/terraform/front"

  name           = var.name
  ssh_public_key = var.ssh_public_key
  network        = module.data.network
  web_count      = var.web_count
}

locals {
  ground = {
    hosts        = { value = module.data.hosts }
    db_address   = { value = module.data.db_address }
    jump_address = { value = module.data.jump_address }
  }
  all = merge(local.ground, {
    hosts       = { value = merge(module.data.hosts, module.front.hosts) }
    address     = { value = module.front.address }
    web_servers = { value = module.front.web_servers }
  })
}

resource "terraform_data" "jump" {
  triggers_replace = [module.data.hosts["jump-1"].id]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh jump jump.yml"
    environment = { OUTPUTS = jsonencode(local.ground) }
  }
}

resource "terraform_data" "database" {
  triggers_replace = [module.data.hosts["db-1"].id]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh database database.yml"
    environment = { OUTPUTS = jsonencode(local.ground) }
  }
}

resource "terraform_data" "web" {
  triggers_replace = [for name, address in module.front.web_servers : module.front.hosts[name].id]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh web web.yml"
    environment = { OUTPUTS = jsonencode(local.all) }
  }

  depends_on = [terraform_data.database]
}

resource "terraform_data" "load_balancer" {
  triggers_replace = [module.front.hosts["lb-1"].id, terraform_data.web.id]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh load-balancer load_balancer.yml"
    environment = { OUTPUTS = jsonencode(local.all) }
  }
}

output "hosts" { value = merge(module.data.hosts, module.front.hosts) }
output "db_address" { value = module.data.db_address }
output "jump_address" { value = module.data.jump_address }
output "address" { value = module.front.address }
output "web_servers" { value = module.front.web_servers }
