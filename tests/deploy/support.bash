# shellcheck shell=bash
# The tests of deploy/ share this file: `load support`. The tests of a file use one deployment, in order, with ports and a
# run directory of their own, so that files may run at the same time and beside a user's pair. Every wait is bounded.
# CHANNEL_BIN_DIR says which programs (default: build/release/bin).
bats_require_minimum_version 1.5.0

readonly root=${BATS_TEST_DIRNAME%/tests/*}
readonly ctl=$root/deploy/channelctl
# Bounds for what is never to happen, and for busy machines; what is judged is the order of events.
readonly COMMAND_S=240   # no command may take longer
readonly PATIENCE_S=90   # what is to happen happens by then
readonly READY_S=60      # of channelctl: each round of a start
readonly PORTS=20        # of each file
readonly PORT_MIN=20000  # up to 32000: below what the kernel hands out to clients

# --- commands and waits ---------------------------------------------------------------------------

# run_for EXIT_CODE COMMAND…: bats's run, with an end.
run_for() { run "-$1" timeout -k 5 "$COMMAND_S" "${@:2}" </dev/null; }
ctl() { run_for "$1" "$ctl" "${@:2}"; } # ctl EXIT_CODE ARGUMENT…
says() { grep -qE -- "$1" <<<"$output" || { echo "not said: $1" && false; }; }
one_line() { ((${#lines[@]} == 1)); }
# A plain `!` does not fail a test.
not() { if "$@"; then echo "wrong: $*" && false; fi; }
is_bad_usage() { ctl 64 "$@" && one_line && says '^channelctl: .*--help'; }

# Waits until a condition holds: soon COMMAND…
soon() {
  local deadline=$((SECONDS + PATIENCE_S))
  until "$@"; do
    ((SECONDS < deadline)) || { echo "not in $PATIENCE_S s: $*" && return 1; }
    read -rt 0.1 <> <(:) || true
  done
}

# --- processes ------------------------------------------------------------------------------------

pid_of() { cut -d ' ' -f 1 "$run_dir/pids/$1" 2>/dev/null; }
all_pids() { cat "$run_dir"/pids/* 2>/dev/null | cut -d ' ' -f 1; }
admin_of() { sed -n 's/.*"admin": *"\([^"]*\)".*/\1/p' "$run_dir/state/$1"; }
lives() { [[ -n ${1-} && $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == [!ZX]* ]]; }
all_live() { local pid && for pid in "$@"; do lives "$pid" || return 1; done; }
all_gone() { local pid && for pid in "$@"; do ! lives "$pid" || return 1; done; }
get() { curl -q --noproxy '*' -s -f -m 2 "http://$1"; }
kill_hard() { kill -KILL "$@" && soon all_gone "$@"; }

# listens_on FIRST [LAST]: a process listens on a TCP port of that range.
listens_on() { [[ -n $(ss -Hltn "sport >= :$1 and sport <= :${2-$1}") ]]; }

# start_beside NAME COMMAND…: in the background, with its output in $scratch/NAME; sets pid. It ends with its test.
start_beside() {
  # A shell without job control starts its background commands with SIGINT ignored.
  env --default-signal=INT "${@:2}" >"$scratch/$1" 2>&1 </dev/null 3>&- 4>&- &
  pid=$!
}

# --- the deployment -------------------------------------------------------------------------------

# Takes a block of ports in which nothing listens. The lock, held until the file's end, keeps it from other tests.
take_ports() {
  local lock_fd
  while :; do
    ws_port=$((PORT_MIN + RANDOM % 600 * PORTS))
    exec {lock_fd}>"/tmp/channel-deploy-test-$ws_port.lock"
    if flock -n "$lock_fd" && ! listens_on "$ws_port" $((ws_port + PORTS - 1)); then return; fi
    exec {lock_fd}>&-
  done
}

setup_file() {
  unset "${!CHANNEL_@}" # but CHANNEL_BIN_DIR, which is bin_dir now
  take_ports
  export ws_port bin_dir grpc_port=$((ws_port + 1)) admin_port=$((ws_port + 2)) spare_port=$((ws_port + 3)) \
    other_port=$((ws_port + 4)) scratch=$BATS_FILE_TMPDIR run_dir="$BATS_FILE_TMPDIR/run dir" other_run_dir=$BATS_FILE_TMPDIR/other
  export CHANNEL_EDGES=2 CHANNEL_WS_LISTEN=127.0.0.1:$ws_port CHANNEL_GRPC_LISTEN=127.0.0.1:$grpc_port \
    CHANNEL_ADMIN_LISTEN=127.0.0.1:$admin_port CHANNEL_RUN_DIR=$run_dir CHANNEL_BIN_DIR=$bin_dir CHANNEL_READY_TIME=$READY_S
  if declare -F set_up_deployment >/dev/null; then set_up_deployment; fi
}
# Ends what the test started itself.
teardown() {
  local pids
  mapfile -t pids < <(jobs -p)
  kill -CONT $(all_pids) 2>/dev/null || true # shellcheck disable=SC2046 # several
  kill -KILL "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
}
# Ends the deployments, then whatever else was started: all of it has the path of our folder in its environment.
teardown_file() {
  local dir pids port
  [[ -n ${scratch-} ]] || return 0 # nothing was set up
  for dir in "$run_dir" "$other_run_dir"; do
    if [[ -d $dir ]]; then timeout 60 "$ctl" stop --run_dir "$dir" >/dev/null 2>&1 || true; fi
  done
  mapfile -t pids < <(grep -lsF -- "CHANNEL_RUN_DIR=$run_dir" /proc/[0-9]*/environ | cut -d / -f 3)
  kill -KILL "${pids[@]}" 2>/dev/null || true
  for ((port = ws_port; port < ws_port + PORTS; port++)); do
    rm -f -- /run/lock/channel-port-"$port"-*.lock /tmp/channel-port-"$port"-*.lock
  done
  rm -f "/tmp/channel-deploy-test-$ws_port.lock"
  not grep -rh 'while stopping' "$BATS_FILE_TMPDIR" --include=supervisor.log # no process crashed on its way out
}

starts() { ctl 0 start -d; }
# The supervisor stands still from here, so that it mends nothing, until `supervised`.
unsupervised() { kill -STOP "$(pid_of supervisor)"; }
supervised() { kill -CONT "$(pid_of supervisor)"; }
logged() { grep -qE -- "$1" "$run_dir/logs/supervisor.log"; }
is_well() { "$ctl" status >"$scratch/status" 2>&1; } # for soon
status_says() { "$ctl" status >"$scratch/status" 2>&1 && grep -qE -- "$1" "$scratch/status"; } # for soon

stopped_clean() { # the pids that were
  local port
  all_gone "$@" && [[ -z $(find "$run_dir/pids" "$run_dir/state" "$run_dir"/*.sock -type f,s 2>/dev/null) ]] || return 1
  for port in "$ws_port" "$grpc_port" "$admin_port"; do not listens_on "$port" || return 1; done
}
stop_leaves_nothing() {
  local pids
  mapfile -t pids < <(all_pids)
  ctl 0 stop
  says '^Stopped [0-9]+ edges and channel-1(, [-a-z0-9]+)* in'
  stopped_clean "${pids[@]}"
  ctl 0 stop
  says '^Nothing to stop'
  ctl 3 status
}
probe() { run_for "$1" "$bin_dir/channel_probe" "${@:2}"; } # probe EXIT_CODE ARGUMENT…

# --- a WebSocket client in bash -------------------------------------------------------------------

# Opens a session; sets ws_fd, and edge to its edge. $1: its subprotocol, if any.
connect_session() {
  local line
  exec {ws_fd}<>"/dev/tcp/127.0.0.1/$ws_port"
  printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n' \
    "${1:+Sec-WebSocket-Protocol: $1\\r\\n}" >&"$ws_fd"
  IFS= read -rt "$PATIENCE_S" line <&"$ws_fd"
  [[ $line == 'HTTP/1.1 101 '* ]]
  while IFS=$'\r' read -rt "$PATIENCE_S" line <&"$ws_fd" && [[ -n $line ]]; do
    if [[ ${line,,} == 'x-channel-edge: '* ]]; then edge=${line#*: }; fi
  done
}
# Sends a command of at most 125 bytes; the mask of zeros leaves the text as it is.
send_command() {
  printf '%b%b%s' '\x81' "\\x$(printf %x $((128 + ${#1})))\\x00\\x00\\x00\\x00" "$1" >&"$ws_fd"
}
# Opens a session that is in group $1.
open_session() { connect_session && send_command '{"cmd":"add_group","group_id":"'"$1"'"}'; }
# Reads what the edge sends until $1, an expression, matches it; BASH_REMATCH has its parts.
hears() {
  local LC_ALL=C byte heard=''
  until [[ $heard =~ $1 ]]; do
    IFS= read -rt "$PATIENCE_S" -N 1 byte <&"$ws_fd" || { echo "not heard: $1 in: $heard" && return 1; }
    heard+=$byte
  done
}
close_session() { exec {ws_fd}<&-; }
# The close code that the edge sent.
close_code() {
  local bytes
  read -ra bytes < <(timeout "$PATIENCE_S" head -c 4 <&"$ws_fd" | od -An -tu1)
  [[ ${bytes[0]-} == 136 ]] && echo $((bytes[2] * 256 + bytes[3]))
}

bin_dir=$(readlink -m -- "${bin_dir:-${CHANNEL_BIN_DIR:-$root/build/release/bin}}")
[[ -x $bin_dir/ws_edge && -x $bin_dir/channel_service ]] || { echo "no programs in $bin_dir" >&2 && exit 1; }
