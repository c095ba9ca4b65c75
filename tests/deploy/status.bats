#!/usr/bin/env bats
# deploy/channelctl status, connections and logs.
load support

# Column $2 of row $1 of the last status, counted after the name: the memory has a space in it.
figure() { awk -v row="$1" -v n="$2" '$1 == row { print $n }' "$scratch/status"; }
sessions_are() { status_says '^total' && [[ $(figure total 6) == "$1" ]]; }

@test 'status has every column and exits with 0' {
  starts
  ctl 0 status
  says '^process +pid +status +memory +connections +groups +messages in +messages out +restarts +upstream'
  says "^channel-1 +$(pid_of channel-1) +\[OK\] +[0-9]+ [KM]iB +2 +[0-9]+ +[0-9]+ +[0-9]+ +0 +-"
  says "^edge-1 +$(pid_of edge-1) +\[OK\] +[0-9]+ [KM]iB +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +0 +up"
  says "^edge-2 +$(pid_of edge-2) +\[OK\]"
  says "^total .* 0 +-"
}
@test 'a session is counted by status and listed by connections until it ends' {
  local edge
  open_session channelctl-test
  soon sessions_are 1
  for edge in edge-1 edge-2; do
    if [[ $(figure $edge 6) == 1 ]]; then [[ $(figure $edge 7) == 1 && $(figure $edge 8) == 1 ]]; fi
  done
  ctl 0 connections
  says '^edge-[12] \(pid [0-9]+\): 1 connections'
  says '127\.0\.0\.1:[0-9]+'
  close_session
  soon sessions_are 0
}
@test 'a message is counted by status' {
  probe 0 "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port" --clients=2
  status_says '^total'
  (($(figure channel-1 8) >= 1 && $(figure total 9) >= 2))
}
@test 'logs name their process' {
  ctl 0 logs
  says '^edge-1 +\| .'
  says '^supervisor +\| .'
}
@test 'logs -f follows' {
  start_beside follow "$ctl" logs -f
  soon test -s "$scratch/follow"
  echo 'a line of this test' >>"$run_dir/logs/edge-2.log"
  soon grep -qE '^edge-2 +\| a line of this test' "$scratch/follow"
  kill -INT "$pid"
  soon all_gone "$pid"
}
@test 'stop leaves nothing' { stop_leaves_nothing; }
