#!/usr/bin/env bats
# deploy/channelctl when things go wrong: processes die, orphans hold on, ports are taken.
load support

is_back() { status_says "^$1 .* $2 +(up|-)"; } # is_back PROCESS RESTARTS

# --- processes that die ---------------------------------------------------------------------------

@test 'a dead edge is noticed, started again and counted' {
  starts
  unsupervised
  kill_hard "$(pid_of edge-1)"
  ctl 1 status
  says '^edge-1 +- +\[DEAD\]'
  says '^edge-2 .*\[OK\]'
  supervised
  soon is_back edge-1 1
  ctl 0 status
}
@test 'a dead service is started again and the edges stay' {
  local edge
  edge=$(pid_of edge-2)
  unsupervised
  kill_hard "$(pid_of channel-1)"
  ctl 1 status
  says '^channel-1 +- +\[DEAD\]'
  supervised
  soon is_back channel-1 1
  [[ $(pid_of edge-2) == "$edge" ]]
}
@test 'stop leaves nothing after deaths either' { stop_leaves_nothing; }
edge_2_lives() { lives "$(pid_of edge-2)"; }
@test 'what keeps dying is started again later each time' {
  local delay
  starts
  echo loud >"$run_dir/log_level" # a slip in the file must not keep a process down
  for delay in 1 2 4; do
    soon edge_2_lives
    kill -KILL "$(pid_of edge-2)"
    soon logged "edge-2 was ended by signal KILL; starting it again in $delay s"
    soon edge_2_lives
  done
  soon is_back edge-2 3
  ctl 0 status
  stop_leaves_nothing
}

# --- orphans --------------------------------------------------------------------------------------

@test 'a dead supervisor is noticed' {
  starts
  kill_hard "$(pid_of supervisor)"
  ctl 1 status
  says '^supervisor: \[DEAD\]'
  says '^edge-1 .*\[OK\]'
}
@test 'what a dead supervisor left keeps the port' {
  ctl 73 start -d
  one_line
  says "port $ws_port.*pid .*$(pid_of edge-1)"
  ctl 73 start -d --run_dir "$other_run_dir"
  one_line
  says "port $ws_port"
}
@test 'what a dead supervisor left is stopped' {
  local pids
  mapfile -t pids < <(all_pids)
  ctl 0 stop
  says 'the supervisor is gone'
  stopped_clean "${pids[@]}"
  starts
  ctl 0 stop
}
@test 'a crash of everything does not hinder a start' {
  local pids
  starts
  mapfile -t pids < <(all_pids)
  kill -KILL "$(pid_of supervisor)"
  kill -KILL "${pids[@]}" || true
  soon all_gone "${pids[@]}"
  ctl 1 status
  says '^edge-1 .*\[DEAD\]'
  soon timeout "$COMMAND_S" "$ctl" start -d
  ctl 0 stop
}
@test 'a reused pid is not taken for ours' {
  start_beside foreign sleep 3600
  echo "$pid 1 $(</proc/sys/kernel/random/boot_id)" >"$run_dir/pids/edge-1"
  ctl 1 status
  says '^edge-1 .*\[DEAD\]'
  ctl 0 stop
  lives "$pid"
}

# --- ports that are taken -------------------------------------------------------------------------

is_refused() { # WHAT ARGUMENT OF start…
  ctl 73 start "${@:2}"
  one_line
  says "$1"
  says "pid $(pid_of supervisor)"
}
@test 'a second start on the same port is refused, whatever its run directory' {
  starts
  is_refused "port $ws_port" -d
  is_refused "port $ws_port"
  CHANNEL_RUN_DIR=$other_run_dir run_for 73 "$ctl" start -d
  one_line
  says "port $ws_port"
  says "pid $(pid_of supervisor)"
  is_refused "port $grpc_port" -d --run_dir "$other_run_dir" --ws_listen "127.0.0.1:$spare_port"
  is_refused "run directory $run_dir" -d --ws_listen "127.0.0.1:$spare_port" --grpc_listen "127.0.0.1:$other_port"
  ctl 0 status
}
@test 'stop leaves nothing after refusals either' { stop_leaves_nothing; }
# An edge that somebody started by hand: the kernel would let ours share its port.
@test 'a foreign listener on the port is named' {
  start_beside foreign "$bin_dir/ws_edge" "--listen=127.0.0.1:$ws_port" "--channel=127.0.0.1:$grpc_port" \
    --name=foreign "--state_file=$scratch/foreign_state"
  soon listens_on "$ws_port"
  ctl 71 start -d
  one_line
  says "port $ws_port is in use by pid $pid"
}
@test 'a taken admin port is said' {
  start_beside foreign "$bin_dir/channel_service" "--listen=127.0.0.1:$spare_port" "--admin_listen=127.0.0.1:$admin_port" \
    --name=foreign "--state_file=$scratch/foreign_state"
  soon listens_on "$admin_port"
  ctl 71 start -d
  says 'channel-1 exited with 71'
  says ":$admin_port"
}
@test 'of two starts at the same moment one wins' {
  local first second codes=(0 0)
  start_beside first "$ctl" start -d
  first=$pid
  start_beside second "$ctl" start -d --run_dir "$other_run_dir"
  second=$pid
  soon all_gone "$first" "$second"
  wait "$first" || codes[0]=$?
  wait "$second" || codes[1]=$?
  cat "$scratch"/{first,second}
  [[ ${codes[*]} == '0 73' || ${codes[*]} == '73 0' ]]
  ctl 0 stop
  ctl 0 stop --run_dir "$other_run_dir"
}
