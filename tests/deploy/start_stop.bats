#!/usr/bin/env bats
# deploy/channelctl start and stop: daemon and foreground, the drain.
load support

# --- starting -------------------------------------------------------------------------------------

@test 'start -d leaves nobody attached to a pipe of the starter' {
  local fd reader
  mkfifo "$scratch/held"
  start_beside held.out timeout "$COMMAND_S" cat "$scratch/held"
  reader=$pid
  exec {fd}>"$scratch/held"
  starts
  exec {fd}>&-
  # The reader comes to the end, with 0, when nobody holds the pipe any more.
  soon all_gone "$reader"
  wait "$reader"
}
@test 'start -d leaves nobody in the session or at the terminal of the starter, or with its files' {
  local pid fd
  for pid in $(all_pids); do
    [[ $(cut -d ')' -f 2- "/proc/$pid/stat" | awk '{ print $5 }') == 0 ]]
    [[ $(ps -o sid= -p "$pid") != $(ps -o sid= -p $$) ]]
    for fd in /proc/"$pid"/fd/*; do [[ $(readlink "$fd") != "$scratch/held" ]]; done
  done
}
@test 'the run directory is private' { [[ $(stat -c %a "$run_dir") == 700 ]]; }
@test 'stop leaves no process, no pid file and no open port' { stop_leaves_nothing; }
# The times at the start of the log lines can be compared as text.
@test 'stop ends the edges before the service' {
  local edges service
  edges=$(grep -h ' edge-[0-9]* stopped' "$run_dir"/logs/edge-*.log | sort | tail -n 1)
  service=$(grep -h ' channel-1 draining' "$run_dir/logs/channel-1.log")
  [[ -n $edges && -n $service && ${edges%% *} < ${service%% *} ]]
}
@test 'start -d returns when every process is ready, and prints the table' {
  local name
  starts
  for name in channel-1 edge-1 edge-2; do [[ $(get "$(admin_of $name)/readyz") == ready ]]; done
  says "^user +worker +listen +processes +status"
  says "^$(id -un) +channel_service +grpc://127.0.0.1:$grpc_port +1 +\[OK\]"
  says "^$(id -un) +ws_edge +websocket://127.0.0.1:$ws_port +2 +\[OK\]"
  says '^Start succeeded. Stop with: .*channelctl stop'
}
@test 'connections that wait for an edge survive its end, where the machine lets us say so' {
  local setting=/proc/sys/net/ipv4/tcp_migrate_req
  [[ -w $setting ]] || skip "$setting cannot be written"
  ctl 0 stop
  echo 0 >"$setting"
  starts
  [[ $(<"$setting") == 1 ]]
  logged 'net.ipv4.tcp_migrate_req is 1 now'
}
@test 'edges reach the service over a socket in the run directory' {
  [[ $(stat -c '%F %a' "$run_dir/channel-1.sock") == 'socket 660' ]]
  grep -q "link to the channel service at unix:$run_dir/channel-1.sock is up" "$run_dir/logs/edge-1.log"
}
@test 'stop leaves nothing after a second start either' { stop_leaves_nothing; }
@test 'edges use TCP where the path of a socket would be too long' {
  local -x CHANNEL_RUN_DIR=$scratch/$(printf 'long%.0s' {1..25})
  run_for 0 "$ctl" start -d
  [[ ! -e $CHANNEL_RUN_DIR/channel-1.sock ]]
  grep -q "link to the channel service at 127.0.0.1:$grpc_port is up" "$CHANNEL_RUN_DIR/logs/edge-1.log"
  run_for 0 "$ctl" stop
}
@test 'an interrupted start leaves nothing' {
  local pids starter
  start_beside interrupted "$ctl" start -d --edge_flags "--channel=127.0.0.1:$spare_port"
  starter=$pid
  soon test -s "$run_dir/state/edge-1"
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  soon all_gone "$starter"
  stopped_clean "${pids[@]}"
}
@test 'proxy settings do not matter' {
  local -x http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
  starts
  ctl 0 status
  ctl 0 stop
}

# --- in the foreground ----------------------------------------------------------------------------

start_in_foreground() {
  start_beside foreground "$ctl" start
  starter=$pid
  soon grep -q 'Press Ctrl-C to stop. Start succeeded.' "$scratch/foreground"
}
@test 'start in the foreground ends with Ctrl-C, drained, with 0' {
  local pids
  start_in_foreground
  [[ $(pid_of supervisor) == "$starter" ]]
  ctl 0 status
  mapfile -t pids < <(all_pids)
  kill -INT "$starter"
  soon all_gone "$starter"
  wait "$starter"
  stopped_clean "${pids[@]}"
}
@test 'start in the foreground ends with stop' {
  start_in_foreground
  ctl 0 stop
  soon all_gone "$starter"
  wait "$starter"
}

# --- the drain ------------------------------------------------------------------------------------

second_signal_was_sent() { grep -q 'second signal' "$run_dir"/logs/edge-*.log; }
# start_and_stop DRAIN_TIME ARGUMENT OF stop…: with a session that never answers the close frame.
start_and_stop() {
  local pids
  ctl 0 start -d --drain_time "$1"
  open_session drain
  mapfile -t pids < <(all_pids)
  ctl 0 stop "${@:2}"
  stopped_clean "${pids[@]}"
}
# It keeps its edge draining for as long as it may, an hour: that the stop returns at all shows that it was cut short.
@test 'stop cuts the drain short' {
  start_and_stop 3600
  second_signal_was_sent
}
@test 'stop -g closes sessions with 4001 and lets the drain time pass' {
  start_and_stop 3 -g
  not second_signal_was_sent
  [[ $(close_code) == 4001 ]]
}
