#!/usr/bin/env bash
# The checks of examples/shop/blueprint.yaml, all at once: what must answer, what must be closed, what must run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
on() { ssh -F "$WORK/ssh_config" "$1" "${@:2}" < /dev/null > "$WORK/check-$1-$BASHPID.log"; }
database=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["shop_db_host"])' "$WORK/vars.json")

jobs=()
python3 "$here/outside.py" "$WORK" & jobs+=($!)
on db-1 sudo service mariadb status & jobs+=($!)
on lb-1 sudo service haproxy status & jobs+=($!)
on lb-1 "! timeout 3 bash -c '< /dev/tcp/$database/3306' 2> /dev/null" & jobs+=($!)
for host in $(grep '^web-' "$WORK/names"); do
  on "$host" sudo service supervisor status & jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
echo "every check passed"
