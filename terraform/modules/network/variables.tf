variable "name" {
  description = "What everything in the network is called after: the Name tag is this name and what the thing is."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,62}$", var.name))
    error_message = "A name begins with a letter and has up to 63 letters, digits and hyphens."
  }
}

variable "cidr" {
  description = "The VPC's IPv4 range, from /16 to /28."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 28, false)
    error_message = "The range is an IPv4 CIDR block from /16 to /28, such as 10.1.0.0/16."
  }
}

variable "public_subnets" {
  description = "Subnets with a route to the internet, by name. A host in them gets a public address only if it asks for one."
  type = map(object({
    cidr              = string
    availability_zone = optional(string) # AWS chooses one
  }))
  default = {}

  validation {
    condition     = alltrue([for subnet in var.public_subnets : can(cidrhost(subnet.cidr, 0))])
    error_message = "Every public subnet needs an IPv4 CIDR block."
  }
}

variable "private_subnets" {
  description = "Subnets that nobody reaches from outside, by name. Without `nat_gateway` they have no way out of the VPC either."
  type = map(object({
    cidr              = string
    availability_zone = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for subnet in var.private_subnets : can(cidrhost(subnet.cidr, 0))])
    error_message = "Every private subnet needs an IPv4 CIDR block."
  }
}

variable "nat_gateway" {
  description = <<-TEXT
    The public subnet in which a NAT gateway lets the private ones out, for packages say. It costs money by the hour and
    by the gigabyte. Without one they have no way out.
  TEXT
  type        = string
  default     = null

  validation {
    condition     = var.nat_gateway == null || contains(keys(var.public_subnets), coalesce(var.nat_gateway, "-"))
    error_message = "nat_gateway names one of public_subnets."
  }
}

variable "security_groups" {
  description = <<-TEXT
    Security groups by name. A rule is called by a name too, and says which ports (`port`, or `from_port` and `to_port`;
    neither means all) and whom: ranges (`cidrs`) and members of groups of this network (`groups`, by name).
    Nothing may come in unless a rule says so; everything may go out unless `egress` is given.
  TEXT
  type = map(object({
    description = optional(string)
    ingress = optional(map(object({
      protocol  = optional(string, "tcp") # tcp, udp, icmp or -1 (all)
      port      = optional(number)
      from_port = optional(number)
      to_port   = optional(number)
      cidrs     = optional(list(string), [])
      groups    = optional(list(string), [])
    })), {})
    egress = optional(map(object({
      protocol  = optional(string, "tcp")
      port      = optional(number)
      from_port = optional(number)
      to_port   = optional(number)
      cidrs     = optional(list(string), [])
      groups    = optional(list(string), [])
    })), { all = { protocol = "-1", cidrs = ["0.0.0.0/0"] } })
  }))
  default = {}

  validation {
    condition = alltrue(flatten([
      for group in var.security_groups : [
        for rule in concat(values(group.ingress), values(group.egress)) : length(rule.cidrs) + length(rule.groups) > 0
      ]
    ]))
    error_message = "Every rule names somebody: cidrs, groups or both."
  }

  validation {
    condition = alltrue(flatten([
      for group in var.security_groups : [
        for rule in concat(values(group.ingress), values(group.egress)) : [
          for name in rule.groups : contains(keys(var.security_groups), name)
        ]
      ]
    ]))
    error_message = "A rule names a security group that is not among this network's security_groups."
  }

  validation {
    condition = alltrue(flatten([
      for group in var.security_groups : [
        for rule in concat(values(group.ingress), values(group.egress)) :
        (rule.from_port == null) == (rule.to_port == null) && (rule.port == null || rule.from_port == null)
      ]
    ]))
    error_message = "A rule gives port, or from_port and to_port, or none of them."
  }
}

variable "tags" {
  description = "Tags for everything in the network, beside those that the provider adds by default."
  type        = map(string)
  default     = {}
}
