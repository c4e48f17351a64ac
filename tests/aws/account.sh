# An empty account on the double of AWS, for scripts that source this. Needs the double and the functions of the last cargo
# build (FLOWGATE_AWS_DOUBLE, FLOWGATE_FUNCTIONS), and the transformed template (FLOWGATE_TEMPLATE, else PYTHON with
# aws-sam-translator makes it).

# start_account FOLDER: sets FLOWGATE_URL, FLOWGATE_ADMIN_KEY and `control`, the address that inspects the double. Its log is
# FOLDER/double.log. The account ends when its input closes, or the script does.
start_account() {
  local root built template seen=() line
  root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
  built=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}")/debug
  template=${FLOWGATE_TEMPLATE:-$1/template.json}
  if [ ! -e "$template" ]; then
    mkdir -p "$1/infra" && cp "$root/infra/observability.yaml" "$1/infra/"
    (cd "$root" && "${PYTHON:-python3}" tests/aws/transform.py template.yaml "$template")
  fi
  [ -z "${FLOWGATE_AWS_SEEN:-}" ] || seen=(--seen "$FLOWGATE_AWS_SEEN")
  FLOWGATE_ADMIN_KEY=admin_$(printf 'a%.0s' {1..43})
  export FLOWGATE_ADMIN_KEY FLOWGATE_URL
  coproc DOUBLE {
    exec "${FLOWGATE_AWS_DOUBLE:-$built/aws-double}" --until-stdin-closes account --template "$template" \
      --functions "${FLOWGATE_FUNCTIONS:-$built}" --admin-key "$FLOWGATE_ADMIN_KEY" \
      --set FLOWGATE_ALLOW_LOOPBACK=true --set FLOWGATE_ALLOW_PRIVATE=false \
      --concurrency worker=32 --concurrency invoke=32 --patience-ms 60000 "${seen[@]}" 2>"$1/double.log"
  }
  double_pid=$DOUBLE_PID
  read -r line <&"${DOUBLE[0]}" || { cat "$1/double.log" >&2; return 1; }
  FLOWGATE_URL=${line#listening on }
  read -r line <&"${DOUBLE[0]}"
  control=${line#control on }
  # The other functions cannot start before `workflows` or `keys` has completed the keyring.
  curl -fsS -o "$1/first" -H "Authorization: Bearer $FLOWGATE_ADMIN_KEY" "$FLOWGATE_URL/v1/workflows"
}

stop_account() {
  local input=${DOUBLE[1]}
  exec {input}>&-
  wait "$double_pid" || true
}
