# A VPC with public and private subnets and the security groups of whatever will live in it.
#
# Public addresses are asked for by the host, not given by the subnet: that is the safer default, and the provider waits
# ten seconds for a subnet that gives them.

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(var.tags, { Name = var.name })
}

# The group that AWS makes with every VPC lets its members talk freely: taken over, and left without a rule.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-default-closed" })
}

# --- subnets and routes ---------------------------------------------------------------------------------------------

resource "aws_subnet" "public" {
  for_each = var.public_subnets

  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.availability_zone

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each = var.private_subnets

  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.availability_zone

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_internet_gateway" "this" {
  count = length(var.public_subnets) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_route_table" "public" {
  count = length(var.public_subnets) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "internet" {
  count = length(var.public_subnets) > 0 ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = var.public_subnets # not the subnets themselves: nothing could be imported then while one of them is missing

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route_table" "private" {
  count = length(var.private_subnets) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-private" })
}

resource "aws_route_table_association" "private" {
  for_each = var.private_subnets

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[0].id
}

resource "aws_eip" "nat" {
  count = var.nat_gateway == null ? 0 : 1

  domain = "vpc"

  tags = merge(var.tags, { Name = "${var.name}-nat" })
}

resource "aws_nat_gateway" "this" {
  count = var.nat_gateway == null ? 0 : 1

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[var.nat_gateway].id

  tags = merge(var.tags, { Name = var.name })

  depends_on = [aws_route.internet] # it needs the way out that it shares
}

resource "aws_route" "nat" {
  count = var.nat_gateway != null && length(var.private_subnets) > 0 ? 1 : 0

  route_table_id         = aws_route_table.private[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

# --- security groups ------------------------------------------------------------------------------------------------

resource "aws_security_group" "this" {
  for_each = var.security_groups

  name        = "${var.name}-${each.key}"
  description = coalesce(each.value.description, "${var.name}: ${each.key}")
  vpc_id      = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

locals {
  # One entry per rule and per range or group that it names, because AWS knows a rule by exactly one of them.
  # The key is readable in a plan: web/http/0.0.0.0/0. Ports mean nothing where every protocol is meant.
  rules = {
    for direction in ["ingress", "egress"] : direction => merge({}, flatten([
      for group_name, group in var.security_groups : [
        for rule_name, rule in(direction == "ingress" ? group.ingress : group.egress) : [
          for peer in concat(
            # a range says nothing about who that is, a group has its name (and emulators forget its description)
            [for cidr in rule.cidrs : { key = cidr, cidr = cidr, group = null, description = rule_name }],
            [for name in rule.groups : { key = name, cidr = null, group = name, description = null }],
            ) : {
            "${group_name}/${rule_name}/${peer.key}" = {
              group    = group_name
              name     = rule_name
              protocol = rule.protocol
              from     = rule.protocol == "-1" ? null : coalesce(rule.port, rule.from_port, rule.protocol == "icmp" ? -1 : 0)
              to       = rule.protocol == "-1" ? null : coalesce(rule.port, rule.to_port, rule.protocol == "icmp" ? -1 : 65535)
              peer     = peer
            }
          }
        ]
      ]
    ])...)
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.rules.ingress

  security_group_id            = aws_security_group.this[each.value.group].id
  description                  = each.value.peer.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from
  to_port                      = each.value.to
  cidr_ipv4                    = each.value.peer.cidr
  referenced_security_group_id = each.value.peer.group == null ? null : aws_security_group.this[each.value.peer.group].id

  tags = merge(var.tags, { Name = "${var.name}-${each.value.group}-${each.value.name}" })
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.rules.egress

  security_group_id            = aws_security_group.this[each.value.group].id
  description                  = each.value.peer.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from
  to_port                      = each.value.to
  cidr_ipv4                    = each.value.peer.cidr
  referenced_security_group_id = each.value.peer.group == null ? null : aws_security_group.this[each.value.peer.group].id

  tags = merge(var.tags, { Name = "${var.name}-${each.value.group}-${each.value.name}" })
}
