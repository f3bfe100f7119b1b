#!/usr/bin/env bash
# `configure.sh NAME PLAYBOOK`: what a provisioner runs. OUTPUTS is what `terraform output -json` would print.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=../surroundings.sh
. "$here/surroundings.sh"
umask 077
folder=$WORK/$1
mkdir -p "$folder"
printf '%s' "$OUTPUTS" > "$folder/outputs.json"
python3 "$here/prepare.py" inventory "$folder" "$folder/outputs.json"
wait_for_ssh "$folder"
cd "$SHOP"
ANSIBLE_CONFIG="$folder/ansible.cfg" ansible-playbook -i "$folder/inventory.json" -e "@$folder/vars.json" "$2"
