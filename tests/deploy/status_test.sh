#!/usr/bin/env bash
# deploy/channelctl status, connections and logs.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

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
  soon status_counts_the_session || ok=1
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

logs_name_their_process() { ctl logs && exits 0 && says '^edge-1 +\| .' && says '^supervisor +\| .'; }
logs_follow() {
  local follower ok=0
  env --default-signal=INT "$ctl" logs -f >"$scratch/follow" 2>&1 &
  follower=$!
  soon test -s "$scratch/follow" || ok=1
  echo 'a line of this test' >>"$run_dir/logs/edge-2.log"
  soon grep -qE '^edge-2 +\| a line of this test' "$scratch/follow" || ok=1
  kill -INT "$follower"
  soon gone "$follower" || ok=1
  return "$ok"
}

reports() {
  it 'everything starts' starts
  it 'status has every column and exits with 0' status_has_every_column
  it 'a session is counted by status and listed by connections' session_is_counted_and_listed
  it 'a session that ended is not counted any more' soon session_is_gone_from_status
  it 'a message is counted by status' probe_is_seen_by_status
  it 'logs name their process' logs_name_their_process
  it 'logs -f follows' logs_follow
  it 'stop leaves nothing' stop_leaves_nothing
}

at_once reports
finish
