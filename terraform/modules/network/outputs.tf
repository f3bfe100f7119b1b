output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "The VPC's range, once the VPC exists."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Public subnets by name. Known once they really reach the internet: what boots in them may need it."
  value       = { for name, subnet in aws_subnet.public : name => subnet.id }

  depends_on = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Private subnets by name."
  value       = { for name, subnet in aws_subnet.private : name => subnet.id }

  depends_on = [aws_route.nat, aws_route_table_association.private]
}

output "security_group_ids" {
  description = "Security groups by name. Known once their rules stand: a host is never without them."
  value       = { for name, group in aws_security_group.this : name => group.id }

  depends_on = [aws_vpc_security_group_ingress_rule.this, aws_vpc_security_group_egress_rule.this]
}
