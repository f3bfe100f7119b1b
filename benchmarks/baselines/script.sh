#!/usr/bin/env bash
# The shop as a plain script builds it: terraform apply of both stacks, then ansible-playbook, then checks.
# Running it again continues. surroundings.sh says what it is given.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=surroundings.sh
. "$here/surroundings.sh"

stack() { terraform -chdir="$SHOP/terraform/$1" "${@:2}"; }

initialise() { [ -d "$SHOP/terraform/$1/.terraform" ] || stack "$1" init -input=false; }

make_secrets
initialise data & one=$!
initialise front & two=$!
wait $one
wait $two

stack data apply -input=false -auto-approve
stack data output -json > "$WORK/data.json"
TF_VAR_network=$(python3 "$here/prepare.py" network "$WORK/data.json")
export TF_VAR_network
stack front apply -input=false -auto-approve
stack front output -json > "$WORK/front.json"

python3 "$here/prepare.py" inventory "$WORK" "$WORK/data.json" "$WORK/front.json"
wait_for_ssh "$WORK"
cd "$SHOP" # one process for all of them: its start costs more than a short play
ANSIBLE_CONFIG="$WORK/ansible.cfg" ansible-playbook -i "$WORK/inventory.json" -e "@$WORK/vars.json" \
  jump.yml database.yml web.yml load_balancer.yml
"$here/check.sh"
