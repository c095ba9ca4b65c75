#!/usr/bin/env bats
# --listen=unix:PATH and --channel=unix:PATH with the real binaries.
load ../deploy/support

setup() {
  socket="$scratch/a service.sock"
  rm -f "$socket"
}

# service ARGUMENT…: starts a channel_service, and waits until it listens; its pid is in `service`.
service() {
  rm -f "$scratch/service.state"
  start_beside service.log "$bin_dir/channel_service" --admin_listen=127.0.0.1:0 "--state_file=$scratch/service.state" "$@"
  service=$pid
  soon test -s "$scratch/service.state"
}
end() {
  kill "-$1" "$service"
  soon all_gone "$service"
}
publishes() { run_for 0 "$bin_dir/channel_probe" publish "--grpc=unix:${socket// /%20}" --group=g --message=hello; }
# one_lives PID…: the others are gone.
one_lives() {
  local one count=0
  for one in "$@"; do ! lives "$one" || count=$((count + 1)); done
  ((count == 1))
}
# refuses CODE WORDS ARGUMENT…
refuses() {
  run_for "$1" "$bin_dir/channel_service" --admin_listen=127.0.0.1:0 "${@:3}"
  says "$2"
}

@test 'a service listens on a socket alone, for its owner and group, and removes it' {
  service "--listen=unix:$socket"
  grep -q "\"listen\":\"unix:$socket\"" "$scratch/service.state"
  [[ $(stat -c '%F %a' "$socket") == 'socket 660' ]]
  publishes
  end TERM
  [[ ! -e $socket ]]
}
@test 'a socket that a killed service left behind is replaced, one in use is not' {
  service "--listen=unix:$socket"
  end KILL
  [[ -S $socket ]]
  service "--listen=unix:$socket"
  publishes
  refuses 71 "cannot listen on unix:$socket: Address already in use" "--listen=unix:$socket"
  publishes
  end TERM
}
@test 'of two services that start at one moment none takes the place of the other' {
  # The one that looks whether the socket is stale has locked the folder meanwhile.
  local holder
  start_beside lock.log flock --no-fork "$scratch" sleep 60
  holder=$pid
  soon not flock -n "$scratch" true
  refuses 71 "cannot listen on unix:$socket: another process has locked the folder" "--listen=unix:$socket"
  kill_hard "$holder"
  # Of some that start over a stale one, one lives.
  service "--listen=unix:$socket"
  end KILL
  local i started=()
  for i in 1 2 3 4; do
    start_beside "service-$i.log" "$bin_dir/channel_service" --admin_listen=127.0.0.1:0 "--listen=unix:$socket"
    started+=("$pid")
  done
  soon one_lives "${started[@]}"
  publishes
}
@test 'a file that is no socket is left alone' {
  echo precious >"$socket"
  refuses 71 "cannot listen on unix:$socket: Address already in use" "--listen=unix:$socket"
  [[ $(<"$socket") == precious ]]
  rm "$socket"
}
@test 'what is no path of a socket is refused with an example' {
  local path
  for path in unix: unix:relative/path "unix:/$(printf 'x%.0s' {1..107})"; do
    refuses 64 "'$path' is not the address of a Unix socket.*absolute.*107 bytes.*unix:/run/" "--listen=$path"
  done
  refuses 64 '--listen needs an address' --listen=
}
@test 'an edge that is connected over a socket delivers what comes over TCP' {
  service "--listen=127.0.0.1:$grpc_port,unix:$socket"
  start_beside edge.log "$bin_dir/ws_edge" "--listen=127.0.0.1:$ws_port" "--channel=unix:$socket" --admin_listen=127.0.0.1:0
  soon grep -q "link to the channel service at unix:$socket is up" "$scratch/edge.log"
  run_for 0 "$bin_dir/channel_probe" prove "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port" --clients=1
  end KILL
  service "--listen=127.0.0.1:$grpc_port,unix:$socket"
  run_for 0 "$bin_dir/channel_probe" prove "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port" --clients=1
  end TERM
}
