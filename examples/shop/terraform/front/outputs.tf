output "hosts" {
  description = "The handoff: which hosts there are and how to reach them."
  value       = module.hosts.hosts
}

output "address" {
  description = "The load balancer's public address: where the shop is."
  value       = module.hosts.hosts["lb-1"].public_address
}

output "web_servers" {
  description = "The web servers' private addresses by name, as the load balancer takes them."
  value       = { for name in local.web_names : name => module.hosts.hosts[name].private_address }
}
