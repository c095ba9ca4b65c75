# shellcheck shell=bash
# What the tests of deploy/ share. Sourced first; then a test defines behaviours (functions that
# succeed or fail) and suites (functions of `it` lines) and ends with
#
#   at_once SUITE…      the suites run at the same time, each with ports and a run directory of its own
#   finish              prints "N passed, M failed"; its status is the exit code
#
# Suites are for waiting in parallel: much of what is tested here is a time-out of the product. Few,
# because processes that all start at the same moment make each other late.
# Every wait is bounded; what is left at the end is ended.
#
# CHANNEL_BIN_DIR says which programs (default: build/release/bin).
set -euo pipefail

root=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
readonly root
readonly ctl=$root/deploy/channelctl
bin_dir=$(readlink -m -- "${CHANNEL_BIN_DIR:-$root/build/release/bin}")
readonly bin_dir
unset "${!CHANNEL_@}"

# Bounds for what is never to happen, and for busy machines; what is judged is the order of events.
readonly COMMAND_S=240     # no command may take longer
readonly PATIENCE_S=90     # what is to happen happens by then
readonly READY_S=60        # of channelctl: each round of a start
readonly PORTS_PER_TEST=50 # five for each suite
readonly PORT_MIN=20000    # up to 32000: below what the kernel hands out to clients

out='' code=0 # of the last command

# --- results --------------------------------------------------------------------------------------

# it SENTENCE COMMAND…: one line of the result. Written at once, because suites run at the same time.
it() {
  local sentence=$1 lines
  shift
  if "$@"; then
    printf -v lines 'ok - %s' "$sentence"
  else
    printf -v lines 'not ok - %s\n#   the last command ended with %s and said:\n#   | %s' \
      "$sentence" "$code" "${out//$'\n'/$'\n#   | '}"
  fi
  printf '%s\n' "$lines" >>"$work/results"
  printf '%s\n' "$lines"
}
skip() { printf 'ok - %s # SKIP %s\n' "$1" "$2"; }

at_once() {
  local suite number=0
  declare -A pids
  for suite in "$@"; do
    (
      enter_deployment "$suite" "$number"
      "$suite"
    ) &
    pids[$suite]=$!
    ((number += 1))
  done
  for suite in "$@"; do
    wait "${pids[$suite]}" || it "suite $suite runs to its end" false
  done
}

all_exits_were_clean() {
  local logs
  mapfile -t logs < <(find "$work" -path '*/logs/supervisor.log' -size +0)
  ((${#logs[@]} > 0)) || return 1
  out=$(grep 'while stopping' "${logs[@]}") || true
  [[ -z $out ]]
}
finish() {
  local passed failed
  it 'no process crashed on its way out' all_exits_were_clean
  passed=$(grep -c '^ok - ' "$work/results") || true
  failed=$(grep -c '^not ok - ' "$work/results") || true
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

# --- commands and waits ---------------------------------------------------------------------------

# Runs a command; its output goes to out, its exit code to code.
run() {
  code=0
  out=$(timeout -k 5 "$COMMAND_S" "$@" 2>&1 </dev/null) || code=$?
}
ctl() { run "$ctl" "$@"; }
exits() { ((code == $1)); }
says() { grep -qE -- "$1" <<<"$out"; }
one_line() { (($(wc -l <<<"$out") == 1)); }

# Waits until a condition holds: soon COMMAND…
soon() {
  local deadline=$((${EPOCHREALTIME%.*} + PATIENCE_S))
  until "$@"; do
    ((${EPOCHREALTIME%.*} < deadline)) || return 1
    read -rt 0.1 -u "$nap_fd" || true
  done
}

# --- processes ------------------------------------------------------------------------------------

pid_of() { cut -d ' ' -f 1 "$run_dir/pids/$1" 2>/dev/null; }
all_pids() { cat "$run_dir"/pids/* 2>/dev/null | cut -d ' ' -f 1; }
admin_of() { sed -n 's/.*"admin": *"\([^"]*\)".*/\1/p' "$run_dir/state/$1"; }
lives() { [[ -n ${1-} ]] && [[ -r /proc/$1/stat ]] && [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) != [ZX]* ]]; }
gone() { ! lives "$1"; }
all_gone() {
  local pid
  for pid in "$@"; do gone "$pid" || return 1; done
}
get() { curl -q --noproxy '*' -s -f -m 2 "http://$1"; }

# listens_on FIRST [LAST]: a process listens on a TCP port of that range.
listens_on() {
  local address state
  while read -r _ address _ state _; do
    [[ $state != 0A ]] || ((16#${address##*:} < $1 || 16#${address##*:} > ${2-$1})) || return 0
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  return 1
}

# --- the deployment of a suite --------------------------------------------------------------------

# Takes a block of ports in which nothing listens. The lock keeps it from other tests.
take_ports() {
  while :; do
    port_base=$((PORT_MIN + RANDOM % 240 * PORTS_PER_TEST))
    port_lock=/tmp/channel-deploy-test-$port_base.lock
    { exec {port_lock_fd}>"$port_lock"; } 2>/dev/null || continue
    # The file may have been removed by its owner between our opening and our locking it.
    if flock -n "$port_lock_fd" && [[ $port_lock -ef /dev/fd/$port_lock_fd ]] &&
      ! listens_on "$port_base" $((port_base + PORTS_PER_TEST - 1)); then
      return
    fi
    exec {port_lock_fd}>&-
  done
}

# Makes what is said below about "the deployment" that of suite $1, number $2 of this test.
# shellcheck disable=SC2034 # some are for the tests
enter_deployment() {
  local first=$((port_base + 5 * $2))
  scratch=$work/$1
  run_dir="$scratch/run dir" other_run_dir=$scratch/other
  ws_port=$first grpc_port=$((first + 1)) admin_port=$((first + 2))
  spare_port=$((first + 3)) other_port=$((first + 4))
  mkdir -- "$scratch"
  export CHANNEL_EDGES=2 CHANNEL_WS_LISTEN=127.0.0.1:$ws_port CHANNEL_GRPC_LISTEN=127.0.0.1:$grpc_port \
    CHANNEL_ADMIN_LISTEN=127.0.0.1:$admin_port CHANNEL_RUN_DIR=$run_dir CHANNEL_BIN_DIR=$bin_dir \
    CHANNEL_READY_TIME=$READY_S
}

starts() { ctl start -d && exits 0; }
status_is_fine() { ctl status && exits 0; }
# Runs a command while the supervisor stands still, so that it mends nothing meanwhile.
unsupervised() {
  local supervisor ok=0
  supervisor=$(pid_of supervisor)
  kill -STOP "$supervisor" || return 1
  "$@" || ok=1
  kill -CONT "$supervisor"
  return "$ok"
}
logged() { grep -qE -- "$1" "$run_dir/logs/supervisor.log"; }

stopped_clean() { # the pids that were
  all_gone "$@" && ! listens_on "$ws_port" && ! listens_on "$grpc_port" && ! listens_on "$admin_port" &&
    [[ -z $(find "$run_dir/pids" "$run_dir/state" -type f) ]]
}
stop_leaves_nothing() {
  local pids
  mapfile -t pids < <(all_pids)
  ctl stop && exits 0 && says '^Stopped [0-9]+ edges and channel-1(, [-a-z0-9]+)* in' &&
    stopped_clean "${pids[@]}" && ctl stop && exits 0 && says '^Nothing to stop' && ctl status && exits 3
}

# --- a WebSocket client in bash -------------------------------------------------------------------

# Opens a session; sets ws_fd. $1: its subprotocol, if any.
connect_session() {
  local line
  exec {ws_fd}<>"/dev/tcp/127.0.0.1/$ws_port" || return 1
  printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n' \
    "${1:+Sec-WebSocket-Protocol: $1\\r\\n}" >&"$ws_fd"
  IFS= read -rt "$PATIENCE_S" line <&"$ws_fd" || return 1
  [[ $line == 'HTTP/1.1 101 '* ]] || return 1
  while IFS= read -rt "$PATIENCE_S" line <&"$ws_fd" && [[ $line != $'\r' ]]; do :; done
}
# Sends a command of at most 125 bytes; the mask of zeros leaves the text as it is.
send_command() {
  printf '%b%b%s' '\x81' "\\x$(printf %x $((128 + ${#1})))\\x00\\x00\\x00\\x00" "$1" >&"$ws_fd"
}
# Opens a session that is in group $1.
open_session() { connect_session && send_command '{"cmd":"add_group","group_id":"'"$1"'"}'; }
# Reads what the edge sends into out until $1, an expression, matches it; BASH_REMATCH has its parts.
hears() {
  local piece
  out=''
  until [[ $out =~ $1 ]]; do
    IFS= read -rt "$PATIENCE_S" -d '}' piece <&"$ws_fd" || return 1
    out+=$piece'}'
  done
}
close_session() { exec {ws_fd}<&-; }

# The close code that the edge sent.
close_code() {
  local bytes
  bytes=$(timeout "$PATIENCE_S" head -c 4 <&"$ws_fd" | od -An -tu1)
  # shellcheck disable=SC2086 # four numbers
  set -- $bytes
  [[ ${1-} == 136 ]] && printf '%d' $(($3 * 256 + $4))
}

# --- beginning and end ----------------------------------------------------------------------------

# Ends the suites, then the deployments, then whatever else was started: all of it has the path of
# our scratch directory in its environment.
clean_up() {
  local pid pids dir port
  trap : INT TERM # `timeout` signals twice; the second one must not cut this short
  for pid in $(jobs -p); do kill -KILL "$pid" 2>/dev/null || true; done
  for dir in "$work"/*/{'run dir',other}; do
    if [[ -d $dir ]]; then timeout 60 "$ctl" stop --run_dir "$dir" >/dev/null 2>&1 & fi
  done
  wait 2>/dev/null || true
  mapfile -t pids < <(grep -lsF -- "$work/" /proc/[0-9]*/environ | cut -d / -f 3)
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  for ((port = port_base; port < port_base + PORTS_PER_TEST; port++)); do
    rm -f -- /run/lock/channel-port-"$port"-*.lock /tmp/channel-port-"$port"-*.lock
  done
  rm -rf -- "$work" "$port_lock"
}

[[ -x $bin_dir/ws_edge && -x $bin_dir/channel_service ]] || {
  printf 'no programs in %s\n0 passed, 1 failed\n' "$bin_dir"
  exit 1
}
exec {nap_fd}<> <(:)
take_ports
work=$(mktemp -d /tmp/channel-deploy-test.XXXXXX)
readonly work
trap clean_up EXIT
trap 'exit 130' INT TERM
