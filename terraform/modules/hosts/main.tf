# Hosts that Baton can take over: one key pair, one instance for each name, and an output that says how to reach them.

data "aws_ami" "debian" {
  count = var.ami == null ? 1 : 0

  owners      = ["136693071363"] # Debian
  most_recent = true

  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

# The image is chosen once: a newer one must not replace hosts that run. To move on, set `ami`, or replace this resource.
resource "terraform_data" "image" {
  count = var.ami == null ? 1 : 0

  input = data.aws_ami.debian[0].id

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_key_pair" "this" {
  key_name_prefix = "${var.name}-"
  public_key      = var.ssh_public_key

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_instance" "this" {
  for_each = var.hosts

  ami                         = var.ami == null ? terraform_data.image[0].output : var.ami
  instance_type               = each.value.instance_type
  key_name                    = aws_key_pair.this.key_name
  subnet_id                   = each.value.subnet_id
  vpc_security_group_ids      = each.value.security_group_ids
  associate_public_ip_address = each.value.public
  private_ip                  = each.value.private_address
  user_data                   = each.value.user_data
  user_data_replace_on_change = true

  metadata_options {
    http_tokens                 = "required" # IMDSv2 only
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = each.value.volume_size
    encrypted             = true
    delete_on_termination = true

    tags = merge(var.tags, each.value.tags, { Name = each.key })
  }

  tags = merge(var.tags, each.value.tags, { Name = each.key, Group = each.value.group })
}
