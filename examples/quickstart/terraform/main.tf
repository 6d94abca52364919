# What a host of the shop needs before services come to it. A real module would make the machine; this one writes infra.json into its directory.
# The state is local, in this directory, a workspace for each host: good for one machine. Anything shared wants a backend that is shared.
variable "version_tag" {
  type = string
}

variable "host" {
  type = object({ name = string, region = string, payments = string })
}

resource "terraform_data" "host" {
  triggers_replace = [var.version_tag, var.host]

  # The agent names the directory and the job; $SLIPWAY_HOSTS_DIR is passed on by it.
  provisioner "local-exec" {
    command = <<-EOT
      set -e
      home="$SLIPWAY_HOSTS_DIR/${var.host.name}"
      mkdir -p "$home"
      sleep 1
      printf '%s\n' '${jsonencode(merge(var.host, { version = var.version_tag }))}' >"$home/infra.json.new"
      mv "$home/infra.json.new" "$home/infra.json"
      echo "$(date -u +%FT%TZ) installed infra ${var.version_tag} job $SLIPWAY_JOB" >>"$home/host.log"
    EOT
  }
}

output "region" {
  value = var.host.region
}
