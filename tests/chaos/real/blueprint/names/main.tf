# An entry for each host, as a name service would have it. Needs no provider: what is tried is the order of two stacks.

terraform {
  required_version = ">= 1.5"
}

variable "hosts" {
  description = "The hosts by name."
  type        = any
}

resource "terraform_data" "name" {
  for_each = var.hosts

  input = "${each.key} ${each.value.private_address}"
}

output "members" {
  description = "The members' names, in order; known once every entry is made."
  value       = sort([for name, entry in terraform_data.name : split(" ", entry.output)[0] if startswith(name, "member-")])
}
