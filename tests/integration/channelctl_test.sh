#!/usr/bin/env bash
# deploy/channelctl, deploy/quickstart.sh and deploy/install_deps.sh with the real programs, on ports
# and in run directories of their own. One line per behaviour: "ok N - sentence" or "not ok …"; exits
# with 1 if one failed. Every wait is bounded; what is left at the end is ended by pid.
#
# CHANNEL_BIN_DIR says which programs (default: build/release/bin).
set -euo pipefail

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../..
root=$(readlink -f -- "$root")
readonly root
readonly ctl=$root/deploy/channelctl
bin_dir=$(readlink -f -- "${CHANNEL_BIN_DIR:-$root/build/release/bin}")
readonly bin_dir
unset "${!CHANNEL_@}"

readonly COMMAND_S=60 # no command may take longer

work=$(mktemp -d /tmp/channelctl-test.XXXXXX)
readonly work
readonly run_dir="$work/run dir" other_run_dir=$work/other
started_pids=()
count=0
failures=0
out='' code=0

# --- plumbing ------------------------------------------------------------------------------------

# it SENTENCE COMMAND…: one line of the result.
it() {
  local sentence=$1
  shift
  ((count += 1))
  if "$@"; then
    printf 'ok %d - %s\n' "$count" "$sentence"
  else
    ((failures += 1))
    printf 'not ok %d - %s\n' "$count" "$sentence"
    printf '#   the last command ended with %s and said:\n' "$code"
    printf '#   | %s\n' "${out//$'\n'/$'\n#   | '}"
  fi
}
skip() {
  ((count += 1))
  printf 'ok %d - %s # SKIP %s\n' "$count" "$1" "$2"
}

# Runs a command; its output goes to out, its exit code to code.
run() {
  code=0
  out=$(timeout -k 5 "$COMMAND_S" "$@" 2>&1 </dev/null) || code=$?
}
ctl() { run "$ctl" "$@"; }
exits() { ((code == $1)); }
says() { grep -qE -- "$1" <<<"$out"; }
one_line() { (($(wc -l <<<"$out") == 1)); }

# Waits until a condition holds: eventually SECONDS COMMAND…
eventually() {
  local deadline=$((${EPOCHREALTIME%.*} + $1))
  shift
  until "$@"; do
    ((${EPOCHREALTIME%.*} < deadline)) || return 1
    read -rt 0.1 -u "$nap_fd" || true
  done
}

elapsed_ms() { printf '%d' $(((${EPOCHREALTIME/./} - $1) / 1000)); }

listens_on() { # a process listens on TCP port $1
  local hex
  printf -v hex '%04X' "$1"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p=":$hex" '$4 == "0A" && $2 ~ p "$" { f = 1 } END { exit !f }'
}

# A free port below the range that the kernel hands out to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    listens_on "$port" || break
  done
  printf '%d' "$port"
}

pid_of() { cut -d ' ' -f 1 "${2:-$run_dir}/pids/$1" 2>/dev/null; }
all_pids() { cat "$run_dir"/pids/* 2>/dev/null | cut -d ' ' -f 1; }
admin_of() { sed -n 's/.*"admin": *"\([^"]*\)".*/\1/p' "$run_dir/state/$1"; }
lives() { [[ -n ${1-} ]] && [[ -r /proc/$1/stat ]] && [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) != [ZX]* ]]; }
gone() { ! lives "$1"; }
all_gone() {
  local pid
  for pid in "$@"; do gone "$pid" || return 1; done
}
get() { curl -q --noproxy '*' -s -f -m 2 "http://$1"; }

cleanup() {
  local pid dir
  trap : INT TERM # `timeout` signals twice; the second one must not cut this short
  for pid in "${started_pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  for dir in "$run_dir" "$other_run_dir"; do
    if [[ -d $dir ]]; then timeout 60 "$ctl" stop --run_dir "$dir" >/dev/null 2>&1 || true; fi
  done
  rm -f -- /run/lock/channel-port-{"$ws_port","$grpc_port","$admin_port","$spare_port","$other_port"}-*.lock \
    /tmp/channel-port-{"$ws_port","$grpc_port","$admin_port","$spare_port","$other_port"}-*.lock
  rm -rf -- "$work"
}

# --- a WebSocket client in bash --------------------------------------------------------------------

# Opens a session; sets ws_fd. $1: a group to join (the mask of zeros leaves the text as it is).
open_session() {
  local line command
  exec {ws_fd}<>"/dev/tcp/127.0.0.1/$ws_port" || return 1
  printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n' >&"$ws_fd"
  IFS= read -rt 5 line <&"$ws_fd" || return 1
  [[ $line == 'HTTP/1.1 101 '* ]] || return 1
  while IFS= read -rt 5 line <&"$ws_fd" && [[ $line != $'\r' ]]; do :; done
  command='{"cmd":"add_group","group_id":"'$1'"}'
  printf '%b%b%s' '\x81' "\\x$(printf %x $((128 + ${#command})))\\x00\\x00\\x00\\x00" "$command" >&"$ws_fd"
}
close_session() { exec {ws_fd}<&-; }

# The close code that the edge sends, within $1 seconds.
close_code() {
  local bytes
  bytes=$(timeout "$1" head -c 4 <&"$ws_fd" | od -An -tu1)
  # shellcheck disable=SC2086 # four numbers
  set -- $bytes
  [[ ${1-} == 136 ]] && printf '%d' $(($3 * 256 + $4))
}

# --- the behaviours ------------------------------------------------------------------------------

is_bad_usage() { ctl "$@" && exits 64 && one_line && says '^channelctl: .*--help'; }
bad_usage_is_refused() {
  is_bad_usage &&
    is_bad_usage fly &&
    is_bad_usage start stop &&
    is_bad_usage start --edges 0 &&
    is_bad_usage start --edges &&
    is_bad_usage start --edges two &&
    is_bad_usage start --edges 513 &&
    is_bad_usage start --sails 3 &&
    is_bad_usage start -x &&
    is_bad_usage start -g &&
    is_bad_usage stop -d &&
    is_bad_usage status -f &&
    is_bad_usage start --ws_listen 1234 &&
    is_bad_usage start --ws_listen 127.0.0.1:0 &&
    is_bad_usage start --ws_listen 127.0.0.1:65536 &&
    is_bad_usage start --ws_listen 127.0.0.1:2206 --grpc_listen 127.0.0.1:2206 &&
    is_bad_usage reload --log_level loud &&
    is_bad_usage start --edge_flags '--name=mine' &&
    is_bad_usage start --drain_time 5s &&
    ! [[ -e $run_dir ]]
}
help_is_complete() {
  local word
  ctl --help && exits 0 || return 1
  for word in start stop restart reload status connections logs CHANNEL_EDGES CHANNEL_WS_LISTEN \
    CHANNEL_GRPC_LISTEN CHANNEL_ADMIN_LISTEN CHANNEL_RUN_DIR CHANNEL_ENGINE CHANNEL_SERVICE_FLAGS \
    CHANNEL_EDGE_FLAGS CHANNEL_BIN_DIR; do
    says "$word" || return 1
  done
}

nothing_runs_is_said() {
  ctl status && exits 3 && says '^Nothing runs' &&
    ctl stop && exits 0 && says '^Nothing to stop' &&
    ctl reload && exits 3 &&
    ctl connections && exits 3 &&
    ctl logs && exits 3 && ! [[ -e $run_dir ]]
}

missing_programs_are_named() {
  ctl start -d --bin_dir "$work/nowhere" && exits 69 && one_line &&
    says "no program channel_service in $work/nowhere" && ! [[ -e $run_dir ]]
}
bad_run_dirs_are_refused() {
  : >"$work/file" && mkdir -m 755 "$work/open" && ln -s "$work" "$work/link" || return 1
  ctl start -d --run_dir "$work/file/run" && exits 73 && one_line && says 'Not a directory' &&
    ctl start -d --run_dir "$work/file" && exits 73 && one_line && says 'not a directory' &&
    ctl start -d --run_dir "$work/open" && exits 73 && one_line && says 'open to others .mode 755.' &&
    ctl status --run_dir "$work/link" && exits 73 && one_line &&
    ctl start -d --run_dir /proc/channel && exits 73 && one_line
}

is_ready() { [[ $(get "$(admin_of "$1")/readyz") == ready ]]; }
start_returns_when_ready() {
  ctl start -d && exits 0 && is_ready channel-1 && is_ready edge-1 && is_ready edge-2
}
start_prints_the_table() {
  says "^user +worker +listen +processes +status" &&
    says "^$(id -un) +channel_service +grpc://127.0.0.1:$grpc_port +1 +\[OK\]" &&
    says "^$(id -un) +ws_edge +websocket://127.0.0.1:$ws_port +2 +\[OK\]" &&
    says '^Start succeeded. Stop with: .*channelctl stop'
}

# No process keeps the pipe, the terminal or the session of who started it.
daemon_is_detached() {
  local pid fd
  for pid in $(all_pids); do
    [[ $(cut -d ')' -f 2- "/proc/$pid/stat" | awk '{ print $5 }') == 0 ]] || return 1
    [[ $(ps -o sid= -p "$pid" | tr -d ' ') != $(ps -o sid= -p $$ | tr -d ' ') ]] || return 1
    for fd in /proc/"$pid"/fd/*; do
      [[ $(readlink "$fd") != "$work/held" ]] || return 1
    done
  done
}
run_dir_is_private() { [[ $(stat -c %a "$run_dir") == 700 ]]; }
start_daemon_holding_a_pipe() {
  mkfifo "$work/held"
  timeout 20 cat "$work/held" >"$work/held.out" &
  local reader=$! status=0
  exec 8>"$work/held"
  ctl start -d
  exec 8>&-
  # The reader ends when nobody holds the pipe any more.
  eventually 5 gone "$reader" || status=1
  wait "$reader" || true
  exits 0 && return "$status"
}

status_has_every_column() {
  ctl status && exits 0 &&
    says '^process +pid +status +memory +connections +groups +messages in +messages out +restarts +upstream' &&
    says "^channel-1 +$(pid_of channel-1) +\[OK\] +[0-9]+ [KM]iB +2 +[0-9]+ +[0-9]+ +[0-9]+ +0 +-" &&
    says "^edge-1 +$(pid_of edge-1) +\[OK\] +[0-9]+ [KM]iB +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +0 +up" &&
    says "^edge-2 +$(pid_of edge-2) +\[OK\]" &&
    says "^total .* 0 +-"
}

# Column $2 of row $1 of the last status, counted after the name: the memory has a space in it.
figure() { awk -v row="$1" -v n="$2" '$1 == row { print $n }' <<<"$out"; }
status_counts_the_session() {
  ctl status && [[ $(figure total 6) == 1 ]]
}
session_is_counted_and_listed() {
  local ok=0 edge
  open_session channelctl-test || return 1
  eventually 5 status_counts_the_session || ok=1
  for edge in edge-1 edge-2; do
    if [[ $(figure "$edge" 6) == 1 ]]; then
      [[ $(figure "$edge" 7) == 1 && $(figure "$edge" 8) == 1 ]] || ok=1
    fi
  done
  ctl connections && exits 0 && says '^edge-[12] \(pid [0-9]+\): 1 connections' && says '127\.0\.0\.1:[0-9]+' || ok=1
  close_session
  return "$ok"
}
session_is_gone_from_status() { ctl status && [[ $(figure total 6) == 0 ]]; }

probe_is_seen_by_status() {
  run "$bin_dir/channel_probe" "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port" --clients=2
  exits 0 || return 1
  ctl status && exits 0 && (($(figure channel-1 8) >= 1 && $(figure total 9) >= 2))
}

is_refused() { # $1 what must be named
  exits 73 && one_line && says "$1" && says "pid $(pid_of supervisor)"
}
second_start_is_refused() {
  ctl start -d && is_refused "port $ws_port" &&
    ctl start && is_refused "port $ws_port" &&
    CHANNEL_RUN_DIR=$other_run_dir ctl start -d && is_refused "port $ws_port" &&
    ctl start -d --run_dir "$other_run_dir" --ws_listen "127.0.0.1:$spare_port" &&
    is_refused "port $grpc_port" &&
    ctl start -d --ws_listen "127.0.0.1:$spare_port" --grpc_listen "127.0.0.1:$other_port" &&
    is_refused "run directory $run_dir" &&
    ctl status && exits 0
}

dead_edge_is_noticed() {
  local pid
  pid=$(pid_of edge-1)
  kill -KILL "$pid"
  eventually 1 gone "$pid" || return 1
  ctl status && exits 1 && says '^edge-1 +- +\[DEAD\]' && says '^edge-2 .*\[OK\]'
}
edge_is_back_with_restarts() { ctl status && exits 0 && says "^edge-1 .* $1 +up"; }
dead_edge_is_started_again() {
  eventually 6 edge_is_back_with_restarts 1
}
dead_service_is_started_again() {
  local edge
  edge=$(pid_of edge-2)
  kill -KILL "$(pid_of channel-1)"
  ctl status && exits 1 || return 1
  eventually 8 service_is_back && [[ $(pid_of edge-2) == "$edge" ]]
}
service_is_back() { ctl status && exits 0 && says '^channel-1 .* 1 +-'; }

kill_edge_2() { kill -KILL "$(pid_of edge-2)"; }
logged() { grep -qE -- "$1" "$run_dir/logs/supervisor.log"; }
restarts_are_delayed_more_each_time() {
  local delay
  echo loud >"$run_dir/log_level" # a slip in the file must not keep a process down
  for delay in 1 2 4; do
    eventually 10 lives "$(pid_of edge-2)" && kill_edge_2 || return 1
    eventually 3 logged "edge-2 was ended by signal KILL; starting it again in $delay s" || return 1
    eventually $((delay + 3)) edge_2_lives || return 1
  done
  eventually 5 status_is_fine
}
edge_2_lives() { lives "$(pid_of edge-2)"; }
status_is_fine() { ctl status && exits 0; }

frozen_edge_is_noticed() {
  local began=${EPOCHREALTIME/./}
  frozen=$(pid_of edge-1)
  kill -STOP "$frozen"
  ctl status && exits 1 && says '^edge-1 .*\[NO ANSWER\]' && (($(elapsed_ms "$began") < 4000))
}
reload_of_a_frozen_edge_fails() { ctl reload && exits 1 && says 'edge-1 does not answer'; }
frozen_edge_is_replaced() { eventually 40 edge_is_back_with_restarts 2 && gone "$frozen"; }

reloads_of() { get "$(admin_of "$1")/metrics" | awk '/^channel_reloads_total/ { print $NF }'; }
reload_is_confirmed() {
  local name
  declare -A before
  for name in channel-1 edge-1 edge-2; do before[$name]=$(reloads_of "$name"); done
  ctl reload --log_level debug && exits 0 && says '^Reloaded 3 processes; log level debug' || return 1
  for name in channel-1 edge-1 edge-2; do
    (($(reloads_of "$name") == ${before[$name]} + 1)) || return 1
  done
  [[ $(<"$run_dir/log_level") == debug ]] && ctl reload --log_level info && exits 0
}

reload_that_changes_nothing_fails() {
  echo loud >"$run_dir/log_level"
  ctl reload && exits 1 && says 'channel-1 did not confirm' && says 'edge-2 did not confirm' || return 1
  ctl reload --log_level info && exits 0
}

logs_name_their_process() { ctl logs && exits 0 && says '^edge-1 +\| .' && says '^supervisor +\| .'; }
logs_follow() {
  local follower ok=0
  env --default-signal=INT "$ctl" logs -f >"$work/follow" 2>&1 &
  follower=$!
  started_pids+=("$follower")
  eventually 5 test -s "$work/follow" || ok=1
  echo 'a line of this test' >>"$run_dir/logs/edge-2.log"
  eventually 5 grep -qE '^edge-2 +\| a line of this test' "$work/follow" || ok=1
  kill -INT "$follower"
  eventually 5 gone "$follower" || ok=1
  return "$ok"
}

restart_keeps_settings() {
  local old
  old=$(pid_of edge-1)
  env -i PATH="$PATH" timeout 60 "$ctl" restart -d --run_dir "$run_dir" >"$work/restart" 2>&1 || return 1
  out=$(<"$work/restart")
  says "websocket://127.0.0.1:$ws_port +2 +\[OK\]" && [[ $(pid_of edge-1) != "$old" ]] && gone "$old" &&
    ctl status && exits 0 && says '^edge-1 .* 0 +up'
}
restart_takes_new_settings() {
  ctl restart -d --edges 3 && exits 0 && says ' 3 +\[OK\]' && ctl status && exits 0 && says '^edge-3 '
}
restart_without_programs_changes_nothing() {
  ctl restart -d --bin_dir "$work/nowhere" && exits 69 && ctl status && exits 0
}
restart_of_nothing_starts() { ctl restart -d && exits 0 && ctl status && exits 0; }

stopped_clean() { # the pids that were
  all_gone "$@" && ! listens_on "$ws_port" && ! listens_on "$grpc_port" && ! listens_on "$admin_port" &&
    [[ -z $(find "$run_dir/pids" "$run_dir/state" -type f) ]]
}
stop_leaves_nothing() {
  local pids
  mapfile -t pids < <(all_pids)
  ctl stop && exits 0 && says '^Stopped [0-9]+ edges and channel-1 in' && stopped_clean "${pids[@]}" &&
    ctl stop && exits 0 && says '^Nothing to stop' && ctl status && exits 3
}

second_signal_was_sent() { grep -q 'second signal' "$run_dir"/logs/edge-*.log; }

# The times at the start of the log lines can be compared as text.
service_ended_last() {
  local edges service
  edges=$(grep -h ' edge-[0-9]* stopped' "$run_dir"/logs/edge-*.log | sort | tail -n 1)
  service=$(grep -h ' channel-1 draining' "$run_dir/logs/channel-1.log")
  out=$edges$'\n'$service
  [[ -n $edges && -n $service && ${edges%% *} < ${service%% *} ]]
}

# A session that never answers the close frame keeps the edge draining for as long as it may.
stop_cuts_the_drain_short() {
  local began pids ok=0
  ctl start -d --drain_time 6 && open_session drain || return 1
  mapfile -t pids < <(all_pids)
  began=${EPOCHREALTIME/./}
  ctl stop && exits 0 && stopped_clean "${pids[@]}" && (($(elapsed_ms "$began") < 4500)) &&
    second_signal_was_sent || ok=1
  close_session
  return "$ok"
}
graceful_stop_tells_the_session() {
  local pids ok=0
  ctl start -d --drain_time 3 && open_session drain || return 1
  mapfile -t pids < <(all_pids)
  ctl stop -g && exits 0 && stopped_clean "${pids[@]}" && ! second_signal_was_sent || ok=1
  [[ $(close_code 2) == 4001 ]] || ok=1
  close_session
  return "$ok"
}
frozen_process_is_killed_by_stop() {
  local pids
  ctl start -d && exits 0 || return 1
  mapfile -t pids < <(all_pids)
  kill -STOP "$(pid_of edge-2)"
  ctl stop && exits 1 && says 'had to kill edge-2' && stopped_clean "${pids[@]}"
}
frozen_supervisor_is_killed_by_stop() {
  local pids
  ctl start -d && exits 0 || return 1
  mapfile -t pids < <(all_pids)
  kill -STOP "$(pid_of supervisor)"
  ctl stop && exits 1 && says 'had to kill supervisor' && stopped_clean "${pids[@]}"
}

dead_supervisor_is_noticed() {
  local supervisor
  ctl start -d && exits 0 || return 1
  supervisor=$(pid_of supervisor)
  kill -KILL "$supervisor"
  eventually 2 gone "$supervisor" &&
    ctl status && exits 1 && says '^supervisor: \[DEAD\]' && says '^edge-1 .*\[OK\]'
}
leftovers_keep_the_port() {
  ctl start -d && exits 73 && one_line && says "port $ws_port" && says "pid .*$(pid_of edge-1)" &&
    ctl start -d --run_dir "$other_run_dir" && exits 73 && one_line && says "port $ws_port"
}
leftovers_are_stopped() {
  local pids
  mapfile -t pids < <(all_pids)
  ctl stop && exits 0 && says 'the supervisor is gone' && stopped_clean "${pids[@]}" &&
    ctl start -d && exits 0 && ctl stop && exits 0
}
crash_of_everything_does_not_hinder_a_start() {
  local pids
  ctl start -d && exits 0 || return 1
  mapfile -t pids < <(all_pids)
  kill -KILL "$(pid_of supervisor)" && kill -KILL "${pids[@]}" 2>/dev/null
  eventually 3 all_gone "${pids[@]}" &&
    ctl status && exits 1 && says '^edge-1 .*\[DEAD\]' &&
    eventually 5 starts && ctl stop && exits 0
}
starts() { ctl start -d && exits 0; }

reused_pid_is_not_ours() {
  local foreign ok=0
  sleep 60 &
  foreign=$!
  started_pids+=("$foreign")
  echo "$foreign 1 $(</proc/sys/kernel/random/boot_id)" >"$run_dir/pids/edge-1"
  ctl status && exits 1 && says '^edge-1 .*\[DEAD\]' || ok=1
  ctl stop && exits 0 && lives "$foreign" || ok=1
  kill "$foreign"
  return "$ok"
}

has_table() { grep -q 'Press Ctrl-C to stop. Start succeeded.' "$work/foreground"; }
start_in_foreground() {
  : >"$work/foreground"
  # A shell without job control starts its background commands with SIGINT ignored.
  env --default-signal=INT "$ctl" start >"$work/foreground" 2>&1 &
  starter=$!
  started_pids+=("$starter")
  eventually 20 has_table
}
foreground_ends_with_interrupt() {
  local pids status=0
  start_in_foreground || return 1
  [[ $(pid_of supervisor) == "$starter" ]] && ctl status && exits 0 || return 1
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  eventually 15 gone "$starter" || return 1
  wait "$starter" || status=$?
  out=$(<"$work/foreground")
  ((status == 0)) && stopped_clean "${pids[@]}"
}
foreground_ends_with_stop() {
  local status=0
  start_in_foreground && ctl stop && exits 0 && eventually 5 gone "$starter" || return 1
  wait "$starter" || status=$?
  ((status == 0))
}

failing_process_is_named() {
  local pids
  ctl start -d --edge_flags '--no_such_flag=1' && exits 64 && says 'start failed: edge-[12] exited with 64' &&
    says 'no_such_flag' && ctl status && exits 3 && stopped_clean &&
    ctl start -d --ws_listen "0.0.0.0:$ws_port" && exits 78 && says 'insecure' && stopped_clean &&
    ctl start --edge_flags '--no_such_flag=1' && exits 64 && says 'no_such_flag' && stopped_clean
}
unready_process_is_named() {
  # An edge that looks for its service at the wrong place.
  ctl start -d --edge_flags "--channel=127.0.0.1:$spare_port" && exits 69 &&
    says 'start failed: edge-1 is not ready after 15 s' && stopped_clean
}
interrupted_start_leaves_nothing() {
  local starter
  env --default-signal=INT "$ctl" start -d --edge_flags "--channel=127.0.0.1:$spare_port" >"$work/interrupted" 2>&1 &
  starter=$!
  started_pids+=("$starter")
  eventually 10 test -s "$run_dir/state/edge-1" || return 1
  local pids
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  eventually 15 gone "$starter" && stopped_clean "${pids[@]}"
}

end_foreign() {
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  timeout 60 "$ctl" stop >/dev/null # nothing, unless the test failed
}

# An edge that somebody started by hand: the kernel would let ours share its port.
foreign_listener_is_named() {
  local foreign ok=0
  "$bin_dir/ws_edge" "--listen=127.0.0.1:$ws_port" "--channel=127.0.0.1:$grpc_port" \
    --name=foreign "--state_file=$work/foreign" >"$work/foreign.log" 2>&1 &
  foreign=$!
  started_pids+=("$foreign")
  eventually 10 listens_on "$ws_port" || ok=1
  ctl start -d && exits 71 && one_line && says "port $ws_port is in use by pid $foreign" || ok=1
  end_foreign "$foreign"
  return "$ok"
}
taken_admin_port_is_said() {
  local foreign ok=0
  "$bin_dir/channel_service" "--listen=127.0.0.1:$spare_port" "--admin_listen=127.0.0.1:$admin_port" \
    --name=foreign "--state_file=$work/foreign" >"$work/foreign.log" 2>&1 &
  foreign=$!
  started_pids+=("$foreign")
  eventually 10 listens_on "$admin_port" || ok=1
  ctl start -d && exits 71 && says "channel-1 exited with 71" && says ":$admin_port" || ok=1
  end_foreign "$foreign"
  return "$ok"
}

one_of_two_starts_wins() {
  local first second codes=0
  timeout 60 "$ctl" start -d >"$work/first" 2>&1 &
  first=$!
  timeout 60 "$ctl" start -d --run_dir "$other_run_dir" >"$work/second" 2>&1 &
  second=$!
  wait "$first" || codes=$?
  first=$codes codes=0
  wait "$second" || codes=$?
  out=$(cat "$work/first" "$work/second")
  [[ "$first $codes" == '0 73' || "$first $codes" == '73 0' ]] || return 1
  timeout 60 "$ctl" stop >/dev/null && timeout 60 "$ctl" stop --run_dir "$other_run_dir" >/dev/null
}

all_exits_were_clean() {
  local supervisor_log="$run_dir/logs/supervisor.log"
  out=$(grep 'while stopping' "$supervisor_log") || true
  [[ -s $supervisor_log && -z $out ]]
}

proxy_settings_do_not_matter() {
  http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 ctl start -d && exits 0 &&
    http_proxy=http://127.0.0.1:9 ctl status && exits 0 && ctl stop && exits 0
}

# --- the other scripts ---------------------------------------------------------------------------

install_deps_is_instant() {
  local began=${EPOCHREALTIME/./}
  run unshare -n "$root/deploy/install_deps.sh"
  if [[ $out == unshare:* ]]; then run "$root/deploy/install_deps.sh"; fi
  exits 0 && (($(elapsed_ms "$began") < 3000)) || return 1
  run "$root/deploy/install_deps.sh" --frob && exits 64 && one_line
}
quickstart_checks_its_arguments() {
  run "$root/deploy/quickstart.sh" --help && exits 0 && says 'edges' &&
    run "$root/deploy/quickstart.sh" --edges 1 && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --preset ../x && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --frob && exits 64 && one_line
}
quickstart_proves_the_pair() {
  code=0
  out=$(timeout 900 "$root/deploy/quickstart.sh" --preset "$preset" --edges 2 2>&1 </dev/null) || code=$?
  exits 0 && says '^ok$' && says "^Chat in a browser: +http://127.0.0.1:$ws_port/\?group=123" &&
    says "grpcurl -plaintext .* 127.0.0.1:$grpc_port channel.v1.ChannelService/Publish" && says 'Stop: .*channelctl stop'
}
quickstart_uses_what_runs() {
  local edge
  edge=$(pid_of edge-1)
  code=0
  out=$(timeout 900 "$root/deploy/quickstart.sh" --preset "$preset" 2>&1 </dev/null) || code=$?
  exits 0 && says 'It runs already and is well' && says '^ok$' && [[ $(pid_of edge-1) == "$edge" ]]
}

# --- the order -----------------------------------------------------------------------------------

ws_port=$(free_port) grpc_port=$(free_port) admin_port=$(free_port) spare_port=$(free_port) other_port=$(free_port)
exec {nap_fd}<> <(:)
trap cleanup EXIT
trap 'exit 130' INT TERM
export CHANNEL_EDGES=2 CHANNEL_WS_LISTEN=127.0.0.1:$ws_port CHANNEL_GRPC_LISTEN=127.0.0.1:$grpc_port \
  CHANNEL_ADMIN_LISTEN=127.0.0.1:$admin_port CHANNEL_RUN_DIR=$run_dir CHANNEL_BIN_DIR=$bin_dir

[[ -x $bin_dir/ws_edge && -x $bin_dir/channel_service ]] || {
  printf 'Bail out! no programs in %s\n' "$bin_dir"
  exit 1
}

it 'bad usage is refused with one line and 64' bad_usage_is_refused
it 'help names every command and variable' help_is_complete
it 'when nothing runs, that is said and nothing is created' nothing_runs_is_said
it 'missing programs are named' missing_programs_are_named
it 'a run directory that is not private or not writable is refused' bad_run_dirs_are_refused

it 'start -d leaves nobody attached to a pipe of the starter' start_daemon_holding_a_pipe
it 'start -d leaves nobody in the session or at the terminal of the starter' daemon_is_detached
it 'the run directory is private' run_dir_is_private
it 'stop leaves no process, no pid file and no open port' stop_leaves_nothing
it 'stop ends the edges before the service' service_ended_last
it 'start -d returns when every process is ready' start_returns_when_ready
it 'start -d prints the table' start_prints_the_table
it 'status has every column and exits with 0' status_has_every_column
it 'a session is counted by status and listed by connections' session_is_counted_and_listed
it 'a session that ended is not counted any more' eventually 5 session_is_gone_from_status
it 'a message is counted by status' probe_is_seen_by_status
it 'a second start on the same port is refused, whatever its run directory' second_start_is_refused
it 'reload is confirmed by every process' reload_is_confirmed
it 'reload fails when the processes do not accept the level' reload_that_changes_nothing_fails
it 'logs name their process' logs_name_their_process
it 'logs -f follows' logs_follow
it 'a dead edge is noticed at once' dead_edge_is_noticed
it 'a dead edge is started again and counted' dead_edge_is_started_again
it 'a dead service is started again and the edges stay' dead_service_is_started_again
it 'a frozen edge is noticed, in bounded time' frozen_edge_is_noticed
it 'reload tells which process does not answer' reload_of_a_frozen_edge_fails
it 'a frozen edge is killed and started again' frozen_edge_is_replaced
it 'what keeps dying is started again later each time' restarts_are_delayed_more_each_time
it 'restart keeps the settings of the last start' restart_keeps_settings
it 'restart without programs changes nothing' restart_without_programs_changes_nothing
it 'restart takes new settings' restart_takes_new_settings
it 'stop leaves nothing after restarts either' stop_leaves_nothing
it 'restart of nothing starts' restart_of_nothing_starts
it 'stop leaves nothing, once more' stop_leaves_nothing

it 'stop cuts the drain short' stop_cuts_the_drain_short
it 'stop -g closes sessions with 4001 and lets the drain time pass' graceful_stop_tells_the_session
it 'stop kills a frozen process and says so' frozen_process_is_killed_by_stop
it 'stop kills a frozen supervisor, ends the rest and says so' frozen_supervisor_is_killed_by_stop
it 'a dead supervisor is noticed' dead_supervisor_is_noticed
it 'what a dead supervisor left keeps the port' leftovers_keep_the_port
it 'what a dead supervisor left is stopped' leftovers_are_stopped
it 'a crash of everything does not hinder a start' crash_of_everything_does_not_hinder_a_start
it 'a reused pid is not taken for ours' reused_pid_is_not_ours

it 'start in the foreground ends with Ctrl-C, drained, with 0' foreground_ends_with_interrupt
it 'start in the foreground ends with stop' foreground_ends_with_stop
it 'a process that fails to start is named, with its log and its exit code' failing_process_is_named
it 'a process that does not get ready is named' unready_process_is_named
it 'an interrupted start leaves nothing' interrupted_start_leaves_nothing
it 'a foreign listener on the port is named' foreign_listener_is_named
it 'a taken admin port is said' taken_admin_port_is_said
it 'of two starts at the same moment one wins' one_of_two_starts_wins
it 'proxy settings do not matter' proxy_settings_do_not_matter

it 'install_deps.sh has nothing to do and needs no network' install_deps_is_instant
it 'quickstart.sh checks its arguments' quickstart_checks_its_arguments
preset=${bin_dir#"$root/build/"}
preset=${preset%/bin}
if [[ $preset =~ ^[a-z]+$ ]]; then
  it 'quickstart.sh builds, starts and proves the pair' quickstart_proves_the_pair
  it 'quickstart.sh uses what runs' quickstart_uses_what_runs
  it 'stop ends what quickstart.sh started' stop_leaves_nothing
else
  skip 'quickstart.sh builds, starts and proves the pair' 'it runs what is in build/PRESET/bin only'
fi
it 'no process crashed on its way out' all_exits_were_clean

printf '1..%d\n' "$count"
((failures == 0)) || {
  printf '# %d of %d failed\n' "$failures" "$count"
  exit 1
}
