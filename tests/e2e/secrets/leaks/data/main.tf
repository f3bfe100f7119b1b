# What gives secrets away: a variable that does not say that it is one, a key, a warning, outputs.
terraform {
  required_version = ">= 1.5"
}

variable "plain" {
  type = string
}

variable "secrets" {
  type      = map(string)
  sensitive = true
}

resource "terraform_data" "marked" {
  input = var.secrets
}

resource "terraform_data" "plain" {
  for_each = toset([var.plain])
  input    = "it is ${each.key}, or ${base64encode("it is ${each.key}")}"
}

check "aloud" {
  assert {
    condition     = var.plain == ""
    error_message = "the warning says ${var.plain}"
  }
}

output "token" {
  value     = "made-by-terraform-${substr(sha256(var.secrets["quoted"]), 0, 12)}"
  sensitive = true
}

output "everything" {
  value     = var.secrets
  sensitive = true
}
