variable "name" {
  description = "What everything here is called after."
  type        = string
}

variable "ssh_public_key" {
  description = "The key that may log in to the hosts."
  type        = string
}

variable "operator_cidr" {
  description = "Where operators come from: the only range that the jump host lets in."
  type        = string

  validation {
    condition     = can(cidrhost(var.operator_cidr, 0)) && var.operator_cidr != "0.0.0.0/0"
    error_message = "operator_cidr is the IPv4 range that operators come from, such as 192.0.2.10/32, and never the whole world."
  }
}

variable "app_port" {
  description = "The port of the web servers."
  type        = number
}

variable "cidr" {
  description = "The network's range."
  type        = string
  default     = "10.2.0.0/16"
}

variable "nat_gateway" {
  description = "Whether the private hosts may reach out, for packages: on AWS they must, in the local cloud all is there already."
  type        = bool
  default     = false
}
