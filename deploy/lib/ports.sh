# shellcheck shell=bash
# One deployment per port. The edges share their port with SO_REUSEPORT, so the kernel would let a
# second deployment of the same user bind it too and take half of the browsers. A lock file per port,
# in a place that is the same for everybody, refuses that. Sourced by channelctl.
#
# The lock is a flock on an open descriptor that the supervisor inherits and hands on to every process
# that it starts: it holds while any of them lives, and the kernel releases it, whatever happens.
# Lock files are never removed: removing one races with somebody who is about to lock it.

lock_fds=()
signed_locks=()

# /run/lock is cleaned at boot only; /tmp may be swept by age. The network namespace is part of the
# name because each has its own ports.
lock_path() {
  local dir=/tmp netns
  [[ -d /run/lock && -w /run/lock ]] && dir=/run/lock
  netns=$(readlink /proc/self/ns/net)
  printf '%s/channel-port-%s-%s.lock' "$dir" "$1" "${netns//[^0-9]/}"
}

# Takes lock file $1 for this process and those it starts; fails when it is taken.
take_lock() {
  local path=$1 fd
  if [[ ! -e $path ]]; then
    # noclobber is O_EXCL: two starters do not disturb each other, and no link is followed.
    (umask 022 && set -o noclobber && : >"$path") 2>/dev/null || true
  fi
  [[ -f $path && ! -L $path ]] || die "$EXIT_LOCKED" "cannot use lock file $path"
  # Opened for reading, because the file may belong to another user.
  { exec {fd}<"$path"; } 2>/dev/null || die "$EXIT_LOCKED" "cannot open lock file $path"
  # Not -n: `stop` looks at locks, for a moment.
  if ! flock -w 0.3 "$fd"; then
    exec {fd}<&-
    return 1
  fi
  lock_fds+=("$fd")
  signed_locks+=("$path")
  sign_lock "$path"
}

# Writes our name into a lock that we hold, for the message that another starter will print. The
# supervisor does it again with its own pid.
sign_lock() { { printf '%s %s\n' "$$" "$run_dir" >"$1"; } 2>/dev/null || true; }
unsign_lock() { { : >"$1"; } 2>/dev/null || true; }

# The pids that have file $1 open, as far as we may see.
openers_of() {
  find /proc/[0-9]*/fd -lname "$1" -printf '%h\n' 2>/dev/null |
    awk -F/ -v me="$$" '$3 != me && !seen[$3]++ { out = out (out ? " " : "") $3 } END { print out }'
}

# Prints who holds lock file $1. The recorded pid counts only if it still has the file open.
describe_holder() {
  local path=$1 pid='' dir='' openers
  { read -r pid dir <"$path"; } 2>/dev/null || true
  openers=$(openers_of "$path")
  if [[ " $openers " == *" ${pid:-none} "* ]]; then
    printf 'pid %s (run directory %s); stop it with: %s stop --run_dir %q' "$pid" "$dir" "$self" "$dir"
  elif [[ -n $openers ]]; then
    printf 'pid %s, left over from a supervisor that died; end it with: %s stop --run_dir %q' \
      "${openers// /, pid }" "$self" "${dir:-DIR}"
  else
    printf 'pid %s of another user' "${pid:-unknown}"
  fi
}

# Sets inodes to the sockets of this network namespace that listen on TCP port $1.
find_listeners() {
  local hex local_address state inode
  printf -v hex '%04X' "$1"
  inodes=()
  while read -r _ local_address _ state _ _ _ _ _ inode _; do
    [[ $state == 0A && ${local_address##*:} == "$hex" ]] && inodes+=("$inode")
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  ((${#inodes[@]} > 0))
}

# "pid 12 (name)" of those that hold socket inode $1.
describe_listener() {
  local pids
  pids=$(openers_of "socket:\\[$1\\]")
  if [[ -z $pids ]]; then
    printf 'a process of another user'
  else
    printf 'pid %s (%s)' "${pids%% *}" "$(cat "/proc/${pids%% *}/comm" 2>/dev/null || printf 'gone')"
  fi
}

# Ends the start with code $1 and one line, and with none of our names in the locks.
refuse() {
  local path
  for path in "${signed_locks[@]}"; do unsign_lock "$path"; done
  die "$@"
}

# Takes the port of address $1 or ends with one line that names who has it. $2 is what it is for.
claim_port() {
  local port path inodes
  port=$(port_of "$1")
  path=$(lock_path "$port")
  take_lock "$path" || refuse "$EXIT_LOCKED" "$2 port $port is in use by $(describe_holder "$path")"
  if find_listeners "$port"; then
    refuse "$EXIT_SYSTEM" "$2 port $port is in use by $(describe_listener "${inodes[0]}")," \
      "which channelctl did not start"
  fi
}

# The addresses whose ports one deployment must have for itself, and what each is for.
own_addresses() {
  local i
  printf '%s WebSocket\n' "$ws_listen"
  for ((i = 1; i <= nodes; i++)); do printf '%s gRPC\n' "$(nth_address "$grpc_listen" "$i")"; done
  starts_nats || return 0
  printf '%s NATS\n%s NATS monitoring\n' "$nats_listen" "$(nats_monitor)"
  [[ -z $nats_cluster_listen ]] || printf '%s NATS cluster\n' "$nats_cluster_listen"
}

# Takes everything that one deployment must have for itself.
claim_all() {
  local address purpose
  while read -r address purpose; do claim_port "$address" "$purpose"; done < <(own_addresses)
  take_lock "$run_dir/lock" ||
    refuse "$EXIT_LOCKED" "run directory $run_dir is in use by $(describe_holder "$run_dir/lock")"
}

# The lock files of the deployment, for signing.
own_locks() {
  local address
  while read -r address _; do
    lock_path "$(port_of "$address")"
    printf '\n'
  done < <(own_addresses)
  printf '%s\n' "$run_dir/lock"
}
