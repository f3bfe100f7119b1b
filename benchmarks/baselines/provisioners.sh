#!/usr/bin/env bash
# The shop as Terraform with provisioners builds it: one root module that configures too (provisioners/main.tf), then checks.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=surroundings.sh
. "$here/surroundings.sh"
root=$WORK/tree/benchmarks/baselines/provisioners

make_secrets
[ -d "$root/.terraform" ] || terraform -chdir="$root" init -input=false
terraform -chdir="$root" apply -input=false -auto-approve
terraform -chdir="$root" output -json > "$WORK/all.json"
python3 "$here/prepare.py" inventory "$WORK" "$WORK/all.json"
"$here/check.sh"
