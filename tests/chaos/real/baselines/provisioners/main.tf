# Everything in one root module, configured by provisioners: what people write who have Terraform alone.
#
# The provisioners stand in resources of their own, so that one that is cut off is run again; in the instance's own resource it
# would not be. `remote-exec` knows no ProxyCommand and cannot get into the local cloud: `local-exec` waits and configures.

terraform {
  required_version = ">= 1.5"
}

variable "name" { type = string }
variable "ssh_public_key" { type = string }
variable "members" { type = number }
variable "word" { type = string }

module "main" {
  source = "../../blueprint/main"

  name           = var.name
  ssh_public_key = var.ssh_public_key
  members        = var.members
}

module "names" {
  source = "../../blueprint/names"

  hosts = module.main.hosts
}

resource "terraform_data" "member" {
  for_each = toset([for number in range(1, var.members + 1) : "member-${number}"])

  triggers_replace = [module.main.hosts[each.key].id, var.word]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh ${each.key} member.yml"
    environment = { OUTPUTS = jsonencode({ hosts = { value = { (each.key) = module.main.hosts[each.key] } } }) }
  }
}

resource "terraform_data" "leader" {
  triggers_replace = [module.main.hosts["leader-1"].id, var.word, module.names.members]

  provisioner "local-exec" {
    command     = "${path.module}/configure.sh leader-1 leader.yml"
    environment = { OUTPUTS = jsonencode({ hosts = { value = module.main.hosts } }) }
  }

  depends_on = [terraform_data.member]
}

output "hosts" { value = module.main.hosts }
