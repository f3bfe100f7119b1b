#!/usr/bin/env bash
# Terraform with provisioners: one root module that configures too (provisioners/main.tf), then the checks.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
root=$WORK/tree/tests/chaos/real/baselines/provisioners

make_key
export TF_VAR_word=$WORD
terraform -chdir="$root" apply -input=false -auto-approve
terraform -chdir="$root" output -json > "$WORK/outputs.json"
python3 "$here/prepare.py" inventory "$WORK" "$WORK/outputs.json"
while read -r host; do
  ssh -F "$WORK/ssh_config" "$host" cat /etc/chaos/done < /dev/null | grep -qx "$WORD"
done < "$WORK/names"
echo "every check passed"
