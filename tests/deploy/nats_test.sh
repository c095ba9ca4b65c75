#!/usr/bin/env bash
# deploy/channelctl with --engine nats: a nats-server of its own and two channel_service, or a NATS
# that is somebody else's.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

PATH+=:/usr/sbin # where Debian has it, also for who is not root
command -v nats-server >/dev/null || {
  echo 'NOT RUN: nats-server is not installed: deploy/install_deps.sh --nats'
  exit 77
}

use_nats() {
  # The port above (other_port) is that of its monitoring; node 2 is ten ports above node 1.
  export CHANNEL_ENGINE=nats CHANNEL_NODES=2 CHANNEL_NATS_LISTEN=127.0.0.1:$spare_port \
    CHANNEL_SERVICE_FLAGS=--nats_bytes_max=67108864
  second_grpc_port=$((grpc_port + 10)) second_admin_port=$((admin_port + 10))
}

# --- refusals -------------------------------------------------------------------------------------

is_bad_usage() { ctl start -d "$@" && exits 64 && one_line && says '^channelctl: .*--help'; }
bad_usage_is_refused() {
  is_bad_usage --engine memory && says '--nodes 2 needs --engine nats' &&
    is_bad_usage --engine paper &&
    is_bad_usage --nodes 0 &&
    is_bad_usage --nodes 17 &&
    is_bad_usage --nats_listen "127.0.0.1:$grpc_port" && says 'must have different ports' &&
    is_bad_usage --nats_listen "127.0.0.1:$((second_grpc_port - 1))" &&
    is_bad_usage --nats_listen 127.0.0.1:65535 &&
    is_bad_usage --nats_routes 127.0.0.1:6222 &&
    is_bad_usage --channels 127.0.0.1 &&
    is_bad_usage --service_flags '--nats_url=nats://127.0.0.1:1' &&
    ! [[ -e $run_dir ]]
}
missing_server_is_named() {
  ctl start -d --nats_server "$scratch/nowhere" && exits 69 && one_line &&
    says "no program $scratch/nowhere; install Debian's package nats-server" && ! [[ -e $run_dir ]]
}
taken_port_is_said() {
  local foreign ok=0
  nats-server -a 127.0.0.1 -p "$other_port" >"$scratch/foreign.log" 2>&1 &
  foreign=$!
  soon listens_on "$other_port" || ok=1
  ctl start -d && exits 71 && one_line &&
    says "NATS monitoring port $other_port is in use by pid $foreign" || ok=1
  # Nothing is started here either, but what is wrong with a cluster of old servers is said before.
  printf '#!/bin/sh\necho nats-server: v2.9.10\n' >"$scratch/old-nats" && chmod +x "$scratch/old-nats"
  ctl start -d --nats_server "$scratch/old-nats" --nats_cluster_listen 127.0.0.1:6222 && exits 71 &&
    says 'v2.9.10: a cluster wants 2.10 ' || ok=1
  end_foreign "$foreign"
  return "$ok"
}
end_foreign() {
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# --- a nats-server of ours ------------------------------------------------------------------------

start_prints_every_process() {
  says "^$(id -un) +nats-server +nats://127.0.0.1:$spare_port +1 +\[OK\]" &&
    says "^$(id -un) +channel_service +grpc://127.0.0.1:$grpc_port +1 +\[OK\]" &&
    says "^$(id -un) +channel_service +grpc://127.0.0.1:$second_grpc_port +1 +\[OK\]" &&
    says "^$(id -un) +ws_edge +websocket://127.0.0.1:$ws_port +2 +\[OK\]"
}
# Each node has one connection, that of an edge.
status_shows_every_process() {
  ctl status && exits 0 && says ' engine: nats ' &&
    says "^listen: .* grpc://127.0.0.1:$grpc_port grpc://127.0.0.1:$second_grpc_port nats://127.*:$spare_port$" &&
    says "^nats +$(pid_of nats) +\[OK\] +[0-9]+ [KM]iB +[0-9]+ +- +[0-9]+ +[0-9]+ +0 +-" &&
    says "^channel-1 +$(pid_of channel-1) +\[OK\] +[0-9]+ [KM]iB +1 " &&
    says "^channel-2 +$(pid_of channel-2) +\[OK\] +[0-9]+ [KM]iB +1 " &&
    says "^edge-1 .*\[OK\].* up" && says "^edge-2 .*\[OK\].* up" &&
    get "127.0.0.1:$second_admin_port/readyz" >/dev/null
}
reaches_both_edges() { # the port of the node that is told
  run "$bin_dir/channel_probe" "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$1" --clients=2
  exits 0 && says 'reached 2 clients on edge-1, edge-2'
}
each_node_reaches_the_edges_of_both() {
  reaches_both_edges "$grpc_port" && reaches_both_edges "$second_grpc_port"
}
every_process_reloads() { ctl reload && exits 0 && says '^Reloaded 4 processes'; }

# Sends to group "kept" and waits for the acknowledgement; sets position.
publish_acknowledged() {
  local ok=0
  connect_session channel.v1.json || return 1
  send_command '{"id":1,"cmd":"send_to_group","group_id":"kept","message":"it stays"}'
  hears '"event":"ok","id":1,[^}]*"epoch":"([^"]+)","offset":([0-9]+)' || ok=1
  position="${BASH_REMATCH[*]:1}"
  close_session
  return "$ok"
}
publication_is_in_history() {
  local ok=0
  connect_session channel.v1.json || return 1
  send_command '{"id":2,"cmd":"add_group","group_id":"kept","last":5}'
  hears '"event":"message",[^}]*"epoch":"([^"]+)","offset":([0-9]+)[^}]*"it stays"' &&
    [[ "${BASH_REMATCH[*]:1}" == "$position" ]] || ok=1
  close_session
  return "$ok"
}

is_back() { ctl status && exits 0 && says "^$1 .* 1 +-"; }
dead_process_is_noticed() {
  local pid
  pid=$(pid_of "$1")
  kill -KILL "$pid" && soon gone "$pid" && ctl status && exits 1 && says "^$1 +- +\[DEAD\]"
}
dead_process_is_started_again() {
  local name others
  mapfile -t others < <(for name in nats channel-1 channel-2 edge-1 edge-2; do
    [[ $name == "$1" ]] || pid_of "$name"
  done)
  unsupervised dead_process_is_noticed "$1" || return 1
  soon is_back "$1" && nobody_else_died "${others[@]}" && each_node_reaches_the_edges_of_both
}
nobody_else_died() {
  local pid
  for pid in "$@"; do lives "$pid" || return 1; done
}

restart_keeps_settings() {
  env -i PATH="$PATH" timeout "$COMMAND_S" "$ctl" restart -d --run_dir "$run_dir" >"$scratch/restart" 2>&1 || return 1
  out=$(<"$scratch/restart")
  start_prints_every_process && ctl status && exits 0
}
nats_ended_last() {
  ! listens_on "$spare_port" && ! listens_on "$other_port" && ! listens_on "$second_grpc_port" || return 1
  out=$(ls -l --full-time "$run_dir/logs")
  [[ $run_dir/logs/nats.log -nt $run_dir/logs/channel-1.log ]] &&
    [[ $run_dir/logs/nats.log -nt $run_dir/logs/channel-2.log ]] &&
    grep -q 'Server Exiting' "$run_dir/logs/nats.log"
}

# --- a NATS of somebody else ----------------------------------------------------------------------

start_foreign_nats() { # more flags of nats-server
  nats-server -a 127.0.0.1 -p "$spare_port" -js -sd "$scratch/foreign" "$@" >"$scratch/foreign.log" 2>&1 &
  foreign_nats=$!
  soon listens_on "$spare_port"
}
given_nats_is_used() {
  local pids
  start_foreign_nats && ctl start -d && exits 0 && ! says nats-server && ! [[ -e $run_dir/pids/nats ]] &&
    ctl status && exits 0 && ! says '^nats ' || return 1
  mapfile -t pids < <(all_pids)
  each_node_reaches_the_edges_of_both && ctl stop && exits 0 && ! says nats && all_gone "${pids[@]}" &&
    lives "$foreign_nats"
}
# Where a password may be: in files that only we can open. Nowhere else.
password_is_shown_nowhere() {
  local name file files secret='s3cret/word'
  end_foreign "$foreign_nats"
  start_foreign_nats --user channel --pass "$secret" || return 1
  CHANNEL_NATS_URL=nats://channel:s3cret%2Fword@127.0.0.1:$spare_port ctl start -d && exits 0 &&
    ctl status && exits 0 && ! says s3cret || return 1
  for name in channel-1 channel-2 edge-1 supervisor; do
    ! tr '\0' '\n' <"/proc/$(pid_of "$name")/cmdline" | grep s3cret || return 1
  done
  for name in channel-1 edge-1; do
    ! tr '\0' '\n' <"/proc/$(pid_of "$name")/environ" | grep s3cret || return 1
  done
  mapfile -t files < <(grep -rl s3cret "$run_dir")
  for file in "${files[@]}"; do
    [[ $file == "$run_dir"/nats_url || $file == "$run_dir"/config ]] &&
      [[ $(stat -c %a -- "$file") == 600 ]] || return 1
  done
  ctl stop && exits 0
}
url_file_is_used() {
  local file=$scratch/url
  unset CHANNEL_NATS_URL
  is_bad_usage --nats_url nats://127.0.0.1:1 --nats_url_file "$file" || return 1
  rm -f -- "$file"
  ctl start -d --nats_url_file "$file" && exits 78 && says "nats_url_file=$file: cannot be read" || return 1
  (umask 077 && printf 'nats://channel:s3cret%%2Fword@127.0.0.1:%s\n' "$spare_port" >"$file")
  ctl start -d --nats_url_file "$file" && exits 0 &&
    ctl restart -d --nats_url "$(<"$file")" && exits 0 && # one replaces the other
    ctl restart -d --nats_url_file "$file" && exits 0 && ctl stop && exits 0 || return 1
  printf 'nats://channel:another-secret@127.0.0.1:%s\n' "$spare_port" >"$file"
  ctl start -d --ready_time 3 --nats_url_file "$file" && exits 69 && says 'does not let this user in' &&
    ! says another-secret && ! grep -rq another-secret "$run_dir" && stopped_clean
}
unreachable_nats_is_said() {
  export CHANNEL_NATS_URL=nats://127.0.0.1:$spare_port
  end_foreign "$foreign_nats"
  ctl start -d --ready_time 15 && exits 69 && says 'start failed: channel-[12] exited with 69' &&
    says 'NATS cannot be reached' && stopped_clean
}

frozen_nats_is_noticed() { kill -STOP "$frozen" && ctl status && exits 1 && says '^nats .*\[NO ANSWER\]'; }
frozen_nats_is_replaced() {
  local frozen
  unset CHANNEL_NATS_URL
  starts || return 1
  frozen=$(pid_of nats)
  unsupervised frozen_nats_is_noticed && soon is_back nats && gone "$frozen" &&
    each_node_reaches_the_edges_of_both
}

# --- the suites -----------------------------------------------------------------------------------

own() {
  use_nats
  it 'what cannot be is refused with one line and 64' bad_usage_is_refused
  it 'a missing nats-server is named, and its package' missing_server_is_named
  it 'a taken port of NATS is said, and an old nats-server of a cluster' taken_port_is_said
  it 'everything starts' starts
  it 'start prints every process' start_prints_every_process
  it 'status shows every process' status_shows_every_process
  it 'a publication through each node reaches the edges of both' each_node_reaches_the_edges_of_both
  it 'reload is confirmed by every process but NATS' every_process_reloads
  it 'a publication is acknowledged' publish_acknowledged
  it 'a dead nats-server is started again, and nobody else dies' dead_process_is_started_again nats
  it 'a dead service is started again, and nobody else dies' dead_process_is_started_again channel-1
  it 'the acknowledged publication is in the history' publication_is_in_history
  it 'stop leaves no process, no pid file and no open port' stop_leaves_nothing
  it 'stop ends NATS last' nats_ended_last
  it 'everything starts again' starts
  it 'the acknowledged publication is in the history after stop and start' publication_is_in_history
  it 'restart keeps the settings of the last start' restart_keeps_settings
  it 'the acknowledged publication is in the history after restart' publication_is_in_history
  it 'stop leaves nothing, once more' stop_leaves_nothing
}
given() {
  use_nats
  export CHANNEL_NATS_URL=nats://127.0.0.1:$spare_port
  it 'a NATS that is given is used and left alone' given_nats_is_used
  it 'a password of NATS is shown nowhere' password_is_shown_nowhere
  it 'the URL of NATS is read from a file' url_file_is_used
  it 'a NATS that cannot be reached is said' unreachable_nats_is_said
  it 'a frozen nats-server is killed and started again' frozen_nats_is_replaced
  it 'stop leaves nothing after a frozen nats-server either' stop_leaves_nothing
}

at_once own given
finish
