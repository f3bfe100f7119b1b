output "hosts" {
  description = "The handoff: which hosts there are and how to reach them."
  value       = module.hosts.hosts
}

output "jump_address" {
  description = "The jump host's public address."
  value       = module.hosts.hosts["jump-1"].public_address
}

output "db_address" {
  description = "The database's private address."
  value       = module.hosts.hosts["db-1"].private_address
}

output "network" {
  description = "What other stacks build on: the range, subnets and security groups by name."
  value = {
    cidr            = module.network.cidr
    public_subnet   = module.network.public_subnet_ids["edge"]
    private_subnet  = module.network.private_subnet_ids["inside"]
    security_groups = module.network.security_group_ids
  }
}
