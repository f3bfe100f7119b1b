# What both baselines are given, and what they have in common; to be sourced.
#
#   WORK       a directory of its own; WORK/tree holds copies of this folder, the blueprint and terraform/modules, initialised
#   NAME       what the environment is called
#   MEMBERS    how many members
#   WORD       what every host is to know
#   PROXY      ssh's ProxyCommand to an instance, with {instance_id} in it
#
# and AWS_*, TF_CLI_CONFIG_FILE, TF_AWS_DEFAULT_TAGS_chaos, as Baton hands them to Terraform.

BLUEPRINT=$WORK/tree/tests/chaos/real/blueprint
export BLUEPRINT
export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
umask 077

# The key pair, once: whole or not at all.
make_key() {
  if [ ! -f "$WORK/key" ]; then
    rm -f "$WORK/new-key" "$WORK/new-key.pub"
    ssh-keygen -q -t ed25519 -N '' -C chaos -f "$WORK/new-key"
    mv "$WORK/new-key.pub" "$WORK/key.pub"
    mv "$WORK/new-key" "$WORK/key"
  fi
  TF_VAR_ssh_public_key=$(cat "$WORK/key.pub")
  export TF_VAR_ssh_public_key
  export TF_VAR_name=$NAME TF_VAR_members=$MEMBERS
}

# Until every host of an inventory lets us in, all at once; a minute at most.
wait_for_ssh() {
  local jobs=() host job
  while read -r host; do
    timeout 60 bash -c 'until ssh -F "$1/ssh_config" "$2" true 2> "$1/wait-$2.log"; do sleep 0.3; done' - "$1" "$host" < /dev/null &
    jobs+=($!)
  done < "$1/names"
  for job in "${jobs[@]}"; do wait "$job"; done
}

# configure FOLDER PLAYBOOK...
configure() {
  local folder=$1
  shift
  wait_for_ssh "$folder"
  (cd "$BLUEPRINT" && ANSIBLE_CONFIG=$folder/ansible.cfg ansible-playbook -i "$folder/inventory.json" -e "@$folder/vars.json" "$@")
}
