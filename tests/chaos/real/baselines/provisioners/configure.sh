#!/usr/bin/env bash
# `configure.sh NAME PLAYBOOK`: what a provisioner runs. OUTPUTS is what `terraform output -json` would print.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=../common.sh
. "$here/common.sh"
folder=$WORK/$1
mkdir -p "$folder"
printf '%s' "$OUTPUTS" > "$folder/outputs.json"
python3 "$here/prepare.py" inventory "$folder" "$folder/outputs.json"
configure "$folder" "$2"
