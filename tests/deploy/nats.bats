#!/usr/bin/env bats
# deploy/channelctl with --engine nats: a nats-server of its own and two channel_service.
load support
load nats

# --- refusals -------------------------------------------------------------------------------------

@test 'what cannot be is refused with one line and 64' {
  local wrong
  is_bad_usage start -d --engine memory
  says '--nodes 2 needs --engine nats'
  is_bad_usage start -d --nats_listen "127.0.0.1:$grpc_port"
  says 'must have different ports'
  for wrong in '--engine paper' '--nodes 0' '--nodes 17' "--nats_listen 127.0.0.1:$((second_grpc_port - 1))" \
    '--nats_listen 127.0.0.1:65535' '--nats_routes 127.0.0.1:6222' '--channels 127.0.0.1' \
    '--service_flags --nats_url=nats://127.0.0.1:1'; do
    is_bad_usage start -d $wrong # shellcheck disable=SC2086 # words
  done
  [[ ! -e $run_dir ]]
}
@test 'a missing nats-server is named, and its package' {
  ctl 69 start -d --nats_server "$scratch/nowhere"
  one_line
  says "no program $scratch/nowhere; install Debian's package nats-server"
  [[ ! -e $run_dir ]]
}
@test 'a taken port of NATS is said, and an old nats-server of a cluster' {
  start_beside foreign nats-server -a 127.0.0.1 -p "$other_port"
  soon listens_on "$other_port"
  ctl 71 start -d
  one_line
  says "NATS monitoring port $other_port is in use by pid $pid"
  # Nothing is started here either, but what is wrong with a cluster of old servers is said before.
  printf '#!/bin/sh\necho nats-server: v2.9.10\n' >"$scratch/old-nats"
  chmod +x "$scratch/old-nats"
  ctl 71 start -d --nats_server "$scratch/old-nats" --nats_cluster_listen 127.0.0.1:6222
  says 'v2.9.10: a cluster wants 2.10 '
}

# --- a nats-server of ours ------------------------------------------------------------------------

prints_every_process() {
  says "^$(id -un) +nats-server +nats://127.0.0.1:$spare_port +1 +\[OK\]"
  says "^$(id -un) +channel_service +grpc://127.0.0.1:$grpc_port +1 +\[OK\]"
  says "^$(id -un) +channel_service +grpc://127.0.0.1:$second_grpc_port +1 +\[OK\]"
  says "^$(id -un) +ws_edge +websocket://127.0.0.1:$ws_port +2 +\[OK\]"
}
@test 'start prints every process' {
  starts
  prints_every_process
}
# Each node has one connection, that of an edge.
@test 'status shows every process' {
  ctl 0 status
  says ' engine: nats '
  says "^listen: .* grpc://127.0.0.1:$grpc_port grpc://127.0.0.1:$second_grpc_port nats://127.*:$spare_port$"
  says "^nats +$(pid_of nats) +\[OK\] +[0-9]+ [KM]iB +[0-9]+ +- +[0-9]+ +[0-9]+ +0 +-"
  says "^channel-1 +$(pid_of channel-1) +\[OK\] +[0-9]+ [KM]iB +1 "
  says "^channel-2 +$(pid_of channel-2) +\[OK\] +[0-9]+ [KM]iB +1 "
  says "^edge-1 .*\[OK\].* up"
  says "^edge-2 .*\[OK\].* up"
  get "127.0.0.1:$((admin_port + 10))/readyz"
}
@test 'a publication through each node reaches the edges of both' { each_node_reaches_both_edges; }
@test 'reload is confirmed by every process but NATS' {
  ctl 0 reload
  says '^Reloaded 4 processes'
}
@test 'a publication is acknowledged' {
  connect_session channel.v1.json
  send_command '{"id":1,"cmd":"send_to_group","group_id":"kept","message":"it stays"}'
  hears '"event":"ok","id":1,[^}]*"epoch":"([^"]+)","offset":([0-9]+)[,}]'
  echo "${BASH_REMATCH[*]:1}" >"$scratch/position"
}
@test 'a dead nats-server or service is started again, and nobody else dies' {
  local name other others
  for name in nats channel-1; do
    mapfile -t others < <(for other in nats channel-1 channel-2 edge-1 edge-2; do
      [[ $other == "$name" ]] || pid_of $other
    done)
    unsupervised
    kill_hard "$(pid_of $name)"
    ctl 1 status
    says "^$name +- +\[DEAD\]"
    supervised
    soon status_says "^$name .* 1 +-"
    soon is_well # a service waits for the new nats-server
    all_live "${others[@]}"
    each_node_reaches_both_edges
  done
}
acknowledged_is_in_history() {
  connect_session channel.v1.json
  send_command '{"id":2,"cmd":"add_group","group_id":"kept","last":5}'
  hears '"event":"message",[^}]*"epoch":"([^"]+)","offset":([0-9]+)[^}]*"it stays"'
  [[ "${BASH_REMATCH[*]:1}" == "$(<"$scratch/position")" ]]
}
@test 'the acknowledged publication is in the history' { acknowledged_is_in_history; }
@test 'stop leaves no process, no pid file and no open port, and ends NATS last' {
  local name port
  stop_leaves_nothing
  for port in $spare_port $other_port $second_grpc_port; do not listens_on "$port"; done
  for name in channel-1 channel-2; do [[ $run_dir/logs/nats.log -nt $run_dir/logs/$name.log ]]; done
  grep -q 'Server Exiting' "$run_dir/logs/nats.log"
}
@test 'the acknowledged publication is in the history after stop and start' {
  starts
  acknowledged_is_in_history
}
@test 'restart keeps the settings of the last start, and the history' {
  run_for 0 env -i PATH="$PATH" "$ctl" restart -d --run_dir "$run_dir"
  prints_every_process
  ctl 0 status
  acknowledged_is_in_history
}
@test 'stop leaves nothing, once more' { stop_leaves_nothing; }
@test 'a frozen nats-server is killed and started again' {
  local frozen
  starts
  frozen=$(pid_of nats)
  unsupervised
  kill -STOP "$frozen"
  ctl 1 status
  says '^nats .*\[NO ANSWER\]'
  supervised
  soon status_says '^nats .* 1 +-'
  ctl 0 status
  all_gone "$frozen"
  each_node_reaches_both_edges
  stop_leaves_nothing
}
