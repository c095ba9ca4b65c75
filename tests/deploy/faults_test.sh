#!/usr/bin/env bash
# deploy/channelctl when things go wrong: processes die or freeze, orphans hold on, ports are taken.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

kill_process() {
  local pid
  pid=$(pid_of "$1")
  kill -KILL "$pid" && soon gone "$pid"
}

# --- processes that die or freeze -----------------------------------------------------------------

dead_edge_is_noticed() {
  kill_process edge-1 && ctl status && exits 1 && says '^edge-1 +- +\[DEAD\]' && says '^edge-2 .*\[OK\]'
}
edge_is_back_with_restarts() { ctl status && exits 0 && says "^edge-1 .* $1 +up"; }
dead_edge_is_started_again() {
  soon edge_is_back_with_restarts 1
}
dead_service_is_started_again() {
  local edge
  edge=$(pid_of edge-2)
  unsupervised dead_service_is_noticed || return 1
  soon service_is_back && [[ $(pid_of edge-2) == "$edge" ]]
}
dead_service_is_noticed() { kill_process channel-1 && ctl status && exits 1 && says '^channel-1 +- +\[DEAD\]'; }
service_is_back() { ctl status && exits 0 && says '^channel-1 .* 1 +-'; }

kill_edge_2() { kill -KILL "$(pid_of edge-2)"; }
restarts_are_delayed_more_each_time() {
  local delay
  echo loud >"$run_dir/log_level" # a slip in the file must not keep a process down
  for delay in 1 2 4; do
    soon lives "$(pid_of edge-2)" && kill_edge_2 || return 1
    soon logged "edge-2 was ended by signal KILL; starting it again in $delay s" || return 1
    soon edge_2_lives || return 1
  done
  soon edge_2_is_back_three_times
}
edge_2_is_back_three_times() { status_is_fine && says '^edge-2 .* 3 +up'; }
edge_2_lives() { lives "$(pid_of edge-2)"; }

frozen_edge_is_noticed() {
  frozen=$(pid_of edge-1)
  kill -STOP "$frozen"
  ctl status && exits 1 && says '^edge-1 .*\[NO ANSWER\]'
}
reload_of_a_frozen_edge_fails() { ctl reload && exits 1 && says 'edge-1 does not answer'; }
frozen_edge_is_said() { frozen_edge_is_noticed && reload_of_a_frozen_edge_fails; }
frozen_edge_is_replaced() { soon edge_is_back_with_restarts 1 && gone "$frozen"; }

# --- orphans --------------------------------------------------------------------------------------

dead_supervisor_is_noticed() {
  local supervisor
  ctl start -d && exits 0 || return 1
  supervisor=$(pid_of supervisor)
  kill -KILL "$supervisor"
  soon gone "$supervisor" &&
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
  soon all_gone "${pids[@]}" &&
    ctl status && exits 1 && says '^edge-1 .*\[DEAD\]' &&
    soon starts && ctl stop && exits 0
}

reused_pid_is_not_ours() {
  local foreign ok=0
  sleep 3600 &
  foreign=$!
  echo "$foreign 1 $(</proc/sys/kernel/random/boot_id)" >"$run_dir/pids/edge-1"
  ctl status && exits 1 && says '^edge-1 .*\[DEAD\]' || ok=1
  ctl stop && exits 0 && lives "$foreign" || ok=1
  kill "$foreign"
  return "$ok"
}

# --- ports that are taken -------------------------------------------------------------------------

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

end_foreign() {
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  timeout "$COMMAND_S" "$ctl" stop >/dev/null # nothing, unless the test failed
}

# An edge that somebody started by hand: the kernel would let ours share its port.
foreign_listener_is_named() {
  local foreign ok=0
  "$bin_dir/ws_edge" "--listen=127.0.0.1:$ws_port" "--channel=127.0.0.1:$grpc_port" \
    --name=foreign "--state_file=$scratch/foreign" >"$scratch/foreign.log" 2>&1 &
  foreign=$!
  soon listens_on "$ws_port" || ok=1
  ctl start -d && exits 71 && one_line && says "port $ws_port is in use by pid $foreign" || ok=1
  end_foreign "$foreign"
  return "$ok"
}
taken_admin_port_is_said() {
  local foreign ok=0
  "$bin_dir/channel_service" "--listen=127.0.0.1:$spare_port" "--admin_listen=127.0.0.1:$admin_port" \
    --name=foreign "--state_file=$scratch/foreign" >"$scratch/foreign.log" 2>&1 &
  foreign=$!
  soon listens_on "$admin_port" || ok=1
  ctl start -d && exits 71 && says "channel-1 exited with 71" && says ":$admin_port" || ok=1
  end_foreign "$foreign"
  return "$ok"
}

one_of_two_starts_wins() {
  local first second codes=0
  timeout "$COMMAND_S" "$ctl" start -d >"$scratch/first" 2>&1 &
  first=$!
  timeout "$COMMAND_S" "$ctl" start -d --run_dir "$other_run_dir" >"$scratch/second" 2>&1 &
  second=$!
  wait "$first" || codes=$?
  first=$codes codes=0
  wait "$second" || codes=$?
  out=$(cat "$scratch/first" "$scratch/second")
  [[ "$first $codes" == '0 73' || "$first $codes" == '73 0' ]] || return 1
  timeout "$COMMAND_S" "$ctl" stop >/dev/null && timeout "$COMMAND_S" "$ctl" stop --run_dir "$other_run_dir" >/dev/null
}

# --- the suites -----------------------------------------------------------------------------------

death() {
  it 'everything starts' starts
  it 'a dead edge is noticed' unsupervised dead_edge_is_noticed
  it 'a dead edge is started again and counted' dead_edge_is_started_again
  it 'a dead service is started again and the edges stay' dead_service_is_started_again
  it 'stop leaves nothing after deaths either' stop_leaves_nothing
}
frost() {
  it 'everything starts' starts
  it 'status and reload tell which process does not answer' unsupervised frozen_edge_is_said
  it 'a frozen edge is killed and started again' frozen_edge_is_replaced
  it 'stop leaves nothing after a frozen edge either' stop_leaves_nothing
}
repeated_death() {
  it 'everything starts' starts
  it 'what keeps dying is started again later each time' restarts_are_delayed_more_each_time
  it 'stop leaves nothing after many deaths either' stop_leaves_nothing
}
orphans() {
  it 'a dead supervisor is noticed' dead_supervisor_is_noticed
  it 'what a dead supervisor left keeps the port' leftovers_keep_the_port
  it 'what a dead supervisor left is stopped' leftovers_are_stopped
  it 'a crash of everything does not hinder a start' crash_of_everything_does_not_hinder_a_start
  it 'a reused pid is not taken for ours' reused_pid_is_not_ours
}
ports() {
  it 'everything starts' starts
  it 'a second start on the same port is refused, whatever its run directory' second_start_is_refused
  it 'stop leaves nothing after refusals either' stop_leaves_nothing
  it 'a foreign listener on the port is named' foreign_listener_is_named
  it 'a taken admin port is said' taken_admin_port_is_said
  it 'of two starts at the same moment one wins' one_of_two_starts_wins
}

# What has to wait 20 s for the product runs beside everything else.
everything_else() {
  death
  repeated_death
  orphans
  ports
}

at_once everything_else frost
finish
