variable "name" {
  description = "What everything here is called after."
  type        = string
}

variable "ssh_public_key" {
  description = "The key that may log in to the hosts."
  type        = string
}

variable "network" {
  description = "Where the hosts live: the data stack's output of the same name."
  type = object({
    public_subnet   = string
    private_subnet  = string
    security_groups = map(string)
  })
}

variable "web_count" {
  description = "How many web servers."
  type        = number
}
