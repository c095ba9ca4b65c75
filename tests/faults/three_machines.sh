#!/usr/bin/env bash
# The steps of ThreeMachines that need root. Its machines are the network namespaces RUN-1, RUN-2, RUN-3, each
# with eth0 at 10.77.0.N on a bridge of the namespace that this is called in, which has 10.77.0.254.
#
# three_machines.sh up RUN              makes them
# three_machines.sh kill RUN N          kill -9 of everything that runs on machine N
# three_machines.sh guard RUN FOLDER    waits for the end of its standard input, which comes however
#                                       the test ends, then removes all of it, and FOLDER
set -euo pipefail

# on NAMESPACE COMMAND… Not "ip -n": that wants mounts of its own, which there are not within chroot.
on() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

up() {
  local n
  ip link set lo up
  ip link add name hub type bridge
  ip addr add 10.77.0.254/24 dev hub
  ip link set hub up
  for n in 1 2 3; do
    ip netns add "$1-$n"
    ip link add name "machine-$n" type veth peer name eth0 netns "$1-$n"
    ip link set "machine-$n" master hub up
    on "$1-$n" ip addr add "10.77.0.$n/24" dev eth0
    on "$1-$n" ip link set lo up
    on "$1-$n" ip link set eth0 up
  done
}

# Again until none is left: a supervisor may have started one more meanwhile.
kill_all() {
  local pids try
  for ((try = 0; try < 100; try++)); do
    mapfile -t pids < <(ip netns pids "$1-$2")
    ((${#pids[@]} > 0)) || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.02
  done
  printf 'still running in %s-%s: %s\n' "$1" "$2" "${pids[*]}" >&2
  return 1
}

guard() {
  local n inode
  trap '' INT TERM HUP
  cat >/dev/null
  for n in 1 2 3; do
    [[ -e /run/netns/$1-$n ]] || continue
    kill_all "$1" "$n" || true
    # channelctl keeps its locks for ever, by the number of the namespace: these are nobody's now.
    inode=$(stat -Lc %i "/run/netns/$1-$n")
    rm -f -- /run/lock/channel-port-*-"$inode".lock /tmp/channel-port-*-"$inode".lock
    ip netns del "$1-$n"
  done
  rm -rf -- "$2"
}

PATH+=:/usr/sbin:/sbin
case ${1-} in
  up) up "$2" ;;
  kill) kill_all "$2" "$3" ;;
  guard) guard "$2" "$3" ;;
  *) exit 64 ;;
esac
