# Stands for real infrastructure: the built-in terraform_data needs no provider and no account.
terraform {
  required_version = ">= 1.4"
}

variable "region" {
  type = string
}

variable "size" {
  type    = number
  default = 1
}

variable "release" {
  type        = string
  description = "The version that Slipway deploys."
}

resource "terraform_data" "host" {
  count = var.size
  input = { region = var.region, release = var.release }
}

output "hosts" {
  value = [for host in terraform_data.host : host.id]
}

output "release" {
  value = var.release
}
