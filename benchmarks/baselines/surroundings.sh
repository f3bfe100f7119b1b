# What every baseline is given, and what they have in common; to be sourced.
#
#   WORK            a directory of its own; WORK/tree holds copies of examples/shop, terraform and playbooks
#   WEB_COUNT       how many web servers
#   BROKER          the local cloud's socket: how a look from outside gets there
#   JUMP_PROXY      ssh's ProxyCommand to a public address
#   OPERATOR_CIDR   where operators come from
#
# and AWS_*, TF_CLI_CONFIG_FILE, as Baton hands them to Terraform.

SHOP=$WORK/tree/examples/shop
export SHOP
export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1

# The key pair, the database's password and a certificate: once.
make_secrets() {
  umask 077
  if [ ! -f "$WORK/site.pem" ]; then
    ssh-keygen -q -t ed25519 -N '' -C shop -f "$WORK/key"
    openssl rand -hex 12 > "$WORK/password"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -subj /CN=shop.example.com \
      -addext subjectAltName=DNS:shop.example.com -keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2> "$WORK/openssl.log"
    cat "$WORK/tls.key" "$WORK/tls.crt" > "$WORK/site.pem"
  fi
  TF_VAR_ssh_public_key=$(cat "$WORK/key.pub")
  export TF_VAR_ssh_public_key
  export TF_VAR_name=shop TF_VAR_cidr=10.2.0.0/16 TF_VAR_app_port=8080
  export TF_VAR_operator_cidr=$OPERATOR_CIDR TF_VAR_web_count=$WEB_COUNT
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
