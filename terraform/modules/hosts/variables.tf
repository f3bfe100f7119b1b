variable "name" {
  description = "What the key pair is called after."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,62}$", var.name))
    error_message = "A name begins with a letter and has up to 63 letters, digits and hyphens."
  }
}

variable "hosts" {
  description = "The hosts by name. The name becomes the Name tag, and what Ansible calls the host."
  type = map(object({
    # what playbooks and selectors call hosts of this kind; the Group tag
    group              = string
    subnet_id          = string
    security_group_ids = list(string)
    instance_type      = optional(string, "t3.micro")
    public             = optional(bool)       # a public address or none; left out, the subnet decides
    connect_to         = optional(string)     # private or public: otherwise than `connect_to` says for all
    private_address    = optional(string)     # AWS chooses one
    user_data          = optional(string)     # runs at first boot; changing it replaces the host
    volume_size        = optional(number, 10) # GiB
    tags               = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.hosts) : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "A host's name is a host name: lower-case letters, digits and hyphens, at most 63."
  }

  validation {
    condition     = alltrue([for host in var.hosts : contains(["private", "public"], coalesce(host.connect_to, "private"))])
    error_message = "A host's connect_to is private or public."
  }

  validation {
    condition     = alltrue([for host in var.hosts : host.volume_size >= 8])
    error_message = "Debian's image needs a volume of 8 GiB or more."
  }
}

variable "ssh_public_key" {
  description = "The public key that may log in, as one line of an authorized_keys file."
  type        = string

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "An EC2 key pair takes an ED25519 or RSA public key: 'ssh-ed25519 AAAA... comment'."
  }
}

variable "ami" {
  description = "The image to boot. Default: Debian 12 (amd64) as Debian publishes it, the newest when the first host is made."
  type        = string
  default     = null
}

variable "user" {
  description = "The user of the image that the key logs in as."
  type        = string
  default     = "admin"
}

variable "connect_to" {
  description = "The address that hosts are configured through: private (from inside the VPC, or by a jump) or public."
  type        = string
  default     = "private"

  validation {
    condition     = contains(["private", "public"], var.connect_to)
    error_message = "connect_to is private or public."
  }
}

variable "tags" {
  description = "Tags for every host and its volume, beside those that the provider adds by default."
  type        = map(string)
  default     = {}
}
