# shellcheck shell=bash
# Words, clock and addresses that every part of channelctl uses. Sourced, never run.

# Exit codes. 64 to 78 are those of sysexits.h; 1 and 3 are those of LSB init scripts.
readonly EXIT_FAILED=1       # what was asked is not true
readonly EXIT_NOT_RUNNING=3  # nothing runs
readonly EXIT_USAGE=64
readonly EXIT_UNAVAILABLE=69 # a program or a process that is needed is not there
readonly EXIT_SYSTEM=71      # the system refused, for example a port in use by another program
readonly EXIT_LOCKED=73      # another deployment holds the port or the run directory

say() { printf '%s\n' "$*"; }
warn() { printf 'channelctl: %s\n' "$*" >&2; }
die() {
  local code=$1
  shift
  warn "$*"
  exit "$code"
}

# A descriptor that never has anything to read: waiting on it is a sleep without a child process.
open_nap() { exec {nap_fd}<> <(:); }

# Sleeps for $1 seconds (a fraction is fine), or less when a signal comes.
nap() { read -rt "$1" -u "$nap_fd" || true; }

# Sets now_ms from the time since boot: the wall clock may jump.
clock() {
  local up
  read -r up _ </proc/uptime
  now_ms=$((10#${up/./} * 10))
}

# Sets deadline_ms to $1 seconds from now; `expired` tells whether it has passed.
set_deadline() {
  clock
  deadline_ms=$((now_ms + $1 * 1000))
}
expired() {
  clock
  ((now_ms >= deadline_ms))
}

port_of() { printf '%s' "${1##*:}"; }

# Address $1 as process number $2 has it: the first as given, the next on ports above; 0 (any) stays.
readonly NODE_PORT_STEP=10
nth_address() {
  local port
  port=$((10#$(port_of "$1")))
  ((port == 0)) || ((port += NODE_PORT_STEP * ($2 - 1)))
  printf '%s:%d' "${1%:*}" "$port"
}

# An address to connect to: a server that listens everywhere is reached over loopback.
reachable() {
  local host=${1%:*}
  case $host in
    0.0.0.0 | '') host=127.0.0.1 ;;
    '[::]') host='[::1]' ;;
  esac
  printf '%s:%s' "$host" "${1##*:}"
}

# Fetches http://$1$2 within $3 seconds; fails unless the answer is 200. A proxy or a ~/.curlrc of
# the operator has no say in a question to our own process.
fetch() { curl -q --noproxy '*' --silent --fail --globoff --max-time "$3" "http://$1$2"; }

# Ages and sizes for people.
human_age() {
  local s=$1
  if ((s < 60)); then
    printf '%ds' "$s"
  elif ((s < 3600)); then
    printf '%dm %02ds' $((s / 60)) $((s % 60))
  else
    printf '%dh %02dm' $((s / 3600)) $((s % 3600 / 60))
  fi
}
human_kib() {
  if (($1 < 10240)); then
    printf '%d KiB' "$1"
  else
    printf '%d MiB' $(($1 / 1024))
  fi
}

# Prints the last $2 lines of log file $1, indented.
quote_log() {
  local file=$1 lines=$2
  [[ -s $file ]] || return 0
  tail -n "$lines" -- "$file" | sed 's/^/    /'
}
