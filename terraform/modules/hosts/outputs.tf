output "hosts" {
  description = "The hosts by name, in the shape that Baton's handoff reads."
  value = {
    for name, instance in aws_instance.this : name => {
      id              = instance.id
      address         = coalesce(var.hosts[name].connect_to, var.connect_to) == "public" ? instance.public_ip : instance.private_ip
      private_address = instance.private_ip
      public_address  = instance.public_ip
      user            = var.user
      groups          = [var.hosts[name].group]
      tags            = instance.tags_all
    }
  }
}

output "key_name" {
  description = "The key pair's name, for instances made elsewhere."
  value       = aws_key_pair.this.key_name
}
