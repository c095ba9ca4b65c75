#!/usr/bin/env bash
# deploy/channelctl start and stop: daemon and foreground, the drain, what has to be killed.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# --- starting -------------------------------------------------------------------------------------

# No process keeps the pipe, the terminal or the session of who started it.
daemon_is_detached() {
  local pid fd
  for pid in $(all_pids); do
    [[ $(cut -d ')' -f 2- "/proc/$pid/stat" | awk '{ print $5 }') == 0 ]] || return 1
    [[ $(ps -o sid= -p "$pid" | tr -d ' ') != $(ps -o sid= -p $$ | tr -d ' ') ]] || return 1
    for fd in /proc/"$pid"/fd/*; do
      [[ $(readlink "$fd") != "$scratch/held" ]] || return 1
    done
  done
}
run_dir_is_private() { [[ $(stat -c %a "$run_dir") == 700 ]]; }
start_daemon_holding_a_pipe() {
  mkfifo "$scratch/held"
  timeout "$COMMAND_S" cat "$scratch/held" >"$scratch/held.out" &
  local reader=$! status=0
  exec 8>"$scratch/held"
  ctl start -d
  exec 8>&-
  # The reader comes to the end, with 0, when nobody holds the pipe any more.
  soon gone "$reader" && wait "$reader" || status=1
  exits 0 && return "$status"
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

interrupted_start_leaves_nothing() {
  local starter
  env --default-signal=INT "$ctl" start -d --edge_flags "--channel=127.0.0.1:$spare_port" >"$scratch/interrupted" 2>&1 &
  starter=$!
  soon test -s "$run_dir/state/edge-1" || return 1
  local pids
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  soon gone "$starter" && stopped_clean "${pids[@]}"
}
proxy_settings_do_not_matter() {
  http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 ctl start -d && exits 0 &&
    http_proxy=http://127.0.0.1:9 ctl status && exits 0 && ctl stop && exits 0
}

# --- in the foreground ----------------------------------------------------------------------------

has_table() { grep -q 'Press Ctrl-C to stop. Start succeeded.' "$scratch/foreground"; }
start_in_foreground() {
  : >"$scratch/foreground"
  # A shell without job control starts its background commands with SIGINT ignored.
  env --default-signal=INT "$ctl" start >"$scratch/foreground" 2>&1 &
  starter=$!
  soon has_table
}
foreground_ends_with_interrupt() {
  local pids status=0
  start_in_foreground || return 1
  [[ $(pid_of supervisor) == "$starter" ]] && ctl status && exits 0 || return 1
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  soon gone "$starter" || return 1
  wait "$starter" || status=$?
  out=$(<"$scratch/foreground")
  ((status == 0)) && stopped_clean "${pids[@]}"
}
foreground_ends_with_stop() {
  local status=0
  start_in_foreground && ctl stop && exits 0 && soon gone "$starter" || return 1
  wait "$starter" || status=$?
  ((status == 0))
}

# --- stopping -------------------------------------------------------------------------------------

# The times at the start of the log lines can be compared as text.
service_ended_last() {
  local edges service
  edges=$(grep -h ' edge-[0-9]* stopped' "$run_dir"/logs/edge-*.log | sort | tail -n 1)
  service=$(grep -h ' channel-1 draining' "$run_dir/logs/channel-1.log")
  out=$edges$'\n'$service
  [[ -n $edges && -n $service && ${edges%% *} < ${service%% *} ]]
}
second_signal_was_sent() { grep -q 'second signal' "$run_dir"/logs/edge-*.log; }

# A session that never answers the close frame keeps its edge draining for as long as it may: an hour
# here. That the stop returns at all shows that the drain was cut short.
stop_cuts_the_drain_short() {
  local pids ok=0
  ctl start -d --drain_time 3600 && open_session drain || return 1
  mapfile -t pids < <(all_pids)
  ctl stop && exits 0 && stopped_clean "${pids[@]}" && second_signal_was_sent || ok=1
  close_session
  return "$ok"
}
graceful_stop_tells_the_session() {
  local pids ok=0
  ctl start -d --drain_time 3 && open_session drain || return 1
  mapfile -t pids < <(all_pids)
  ctl stop -g && exits 0 && stopped_clean "${pids[@]}" && ! second_signal_was_sent || ok=1
  [[ $(close_code) == 4001 ]] || ok=1
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

# --- the suites -----------------------------------------------------------------------------------

daemon() {
  it 'start -d leaves nobody attached to a pipe of the starter' start_daemon_holding_a_pipe
  it 'start -d leaves nobody in the session or at the terminal of the starter' daemon_is_detached
  it 'the run directory is private' run_dir_is_private
  it 'stop leaves no process, no pid file and no open port' stop_leaves_nothing
  it 'stop ends the edges before the service' service_ended_last
  it 'start -d returns when every process is ready' start_returns_when_ready
  it 'start -d prints the table' start_prints_the_table
  it 'stop leaves nothing after a second start either' stop_leaves_nothing
  it 'an interrupted start leaves nothing' interrupted_start_leaves_nothing
  it 'proxy settings do not matter' proxy_settings_do_not_matter
}
foreground() {
  it 'start in the foreground ends with Ctrl-C, drained, with 0' foreground_ends_with_interrupt
  it 'start in the foreground ends with stop' foreground_ends_with_stop
}
drain() {
  it 'stop cuts the drain short' stop_cuts_the_drain_short
  it 'stop -g closes sessions with 4001 and lets the drain time pass' graceful_stop_tells_the_session
}
frozen_process() { it 'stop kills a frozen process and says so' frozen_process_is_killed_by_stop; }
frozen_supervisor() {
  it 'stop kills a frozen supervisor, ends the rest and says so' frozen_supervisor_is_killed_by_stop
}

# What has to wait 25 s for the product runs beside everything else.
everything_else() {
  daemon
  foreground
  drain
  frozen_process
}

at_once everything_else frozen_supervisor
finish
