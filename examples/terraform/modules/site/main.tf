# One site: as many small machines as it wants, behind one security group.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
  # Filled in by Slipway's deployment: bucket, key and region of each site.
  backend "s3" {
    use_lockfile = true
  }
}

variable "site" {
  type = string
}

variable "region" {
  type = string
}

variable "image" {
  type        = string
  description = "The AMI that CI built for this version."
}

variable "instances" {
  type = number
  validation {
    condition     = var.instances > 0
    error_message = "A site has at least one instance."
  }
}

variable "release" {
  type = string
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { site = var.site, release = var.release }
  }
}

resource "aws_security_group" "web" {
  name = "web-${var.site}"
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  count                  = var.instances
  ami                    = var.image
  instance_type          = "t3.small"
  vpc_security_group_ids = [aws_security_group.web.id]
  lifecycle {
    create_before_destroy = true
  }
}

output "addresses" {
  value = aws_instance.web[*].private_ip
}
