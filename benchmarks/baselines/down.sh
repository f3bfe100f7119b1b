#!/usr/bin/env bash
# What a baseline built is destroyed, the last built first, and its ssh connections are closed: `down.sh ROOT...`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=surroundings.sh
. "$here/surroundings.sh"
for folder in "$WORK" "$WORK"/*/; do
  if [ -f "$folder/names" ]; then
    while read -r host; do ssh -F "$folder/ssh_config" -O exit "$host" < /dev/null 2> /dev/null || true; done < "$folder/names"
  fi
done
make_secrets
if [ -f "$WORK/data.json" ]; then
  TF_VAR_network=$(python3 "$here/prepare.py" network "$WORK/data.json")
  export TF_VAR_network
fi
for root in "$@"; do
  [ ! -f "$WORK/tree/$root/terraform.tfstate" ] || terraform -chdir="$WORK/tree/$root" destroy -input=false -auto-approve
done
