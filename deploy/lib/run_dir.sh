# shellcheck shell=bash
# The run directory: what one deployment knows about itself. Sourced by channelctl.
#
#   config            the settings that it was started with, KEY=VALUE
#   lock              flock held by the supervisor and every process that it started
#   nats_url          for the services, with --engine nats; not when --nats_url_file names another
#   log_level         for the processes, which read it again at SIGHUP
#   outcome           how the start ended: "ready" or "failed CODE" and why
#   killed            processes that did not end by themselves at the last stop
#   pids/NAME         "pid start-time boot-id", so that a reused pid is never taken for ours
#   state/NAME        written by the process when its ports listen, a line of JSON
#   restarts/NAME     how often the supervisor started it again
#   logs/NAME.log     its standard error; logs/NAME.log.1 is the one before
#   channel-N.sock    where the edges reach service N: a Unix socket, which costs less than TCP
#   nats/             configuration and publications of the nats-server, kept over restarts
#
# It is private (mode 0700, ours): whoever can write a pid file could make us signal a process.

readonly LOG_LEVELS='^(trace|debug|info|warn|error)$'

# The keys of `config`, in the names of the shell variables.
readonly CONFIG_KEYS=(edges ws_listen grpc_listen admin_listen engine insecure service_flags edge_flags
  bin_dir log_level drain_time channels nodes ready_time nats_listen nats_url nats_url_file
  nats_cluster_listen nats_routes nats_server)

# Not in XDG_RUNTIME_DIR: that one is removed at logout, and a daemon outlives its login.
default_run_dir() { printf '/tmp/channel-%s' "$EUID"; }

# Why directory $run_dir must not be used; empty when it is fine.
run_dir_fault() {
  local mode
  if [[ -L $run_dir || ! -d $run_dir ]]; then
    printf 'is not a directory'
  elif [[ ! -O $run_dir ]]; then
    printf 'belongs to %s' "$(stat -c %U -- "$run_dir")"
  else
    mode=$(stat -c %a -- "$run_dir")
    [[ $mode == 700 ]] || printf 'is open to others (mode %s); chmod 700 it or choose another' "$mode"
  fi
}

# For the commands that look at a deployment: nothing there is a fine answer (status 1).
find_run_dir() {
  local fault
  [[ -e $run_dir || -L $run_dir ]] || return 1
  fault=$(run_dir_fault)
  [[ -z $fault ]] || die "$EXIT_LOCKED" "run directory $run_dir $fault"
  [[ -f $run_dir/config ]]
}

create_run_dir() {
  local fault message
  [[ -d $run_dir || ! -e $run_dir ]] || die "$EXIT_LOCKED" "run directory $run_dir is not a directory"
  message=$(mkdir -p -m 0700 -- "$run_dir" 2>&1) ||
    die "$EXIT_LOCKED" "cannot create run directory: ${message#mkdir: }"
  fault=$(run_dir_fault)
  [[ -z $fault ]] || die "$EXIT_LOCKED" "run directory $run_dir $fault"
  mkdir -p -- "$run_dir"/{pids,state,restarts,logs} 2>/dev/null ||
    die "$EXIT_LOCKED" "run directory $run_dir is not writable"
  [[ -w $run_dir ]] || die "$EXIT_LOCKED" "run directory $run_dir is not writable"
}

# Replaces file $1 in one step, so that a reader never sees half of it.
write_file() {
  local file=$1
  shift
  printf '%s\n' "$@" >"$file.new.$BASHPID" && mv -f -- "$file.new.$BASHPID" "$file"
}

save_config() {
  local key lines=()
  for key in "${CONFIG_KEYS[@]}"; do lines+=("$key=${!key}"); done
  write_file "$run_dir/config" "${lines[@]}"
}

# Reads `config` into the shell variables; those named in the arguments keep their value. The file is
# parsed, not sourced.
load_config() {
  local keep=" $* " line key
  while IFS= read -r line; do
    key=${line%%=*}
    [[ " ${CONFIG_KEYS[*]} " == *" $key "* && $keep != *" $key "* ]] || continue
    printf -v "$key" '%s' "${line#*=}"
  done <"$run_dir/config"
}

# The processes of this deployment, in starting order.
node_names() {
  local i
  for ((i = 1; i <= nodes; i++)); do printf 'channel-%d\n' "$i"; done
}
edge_names() {
  local i
  for ((i = 1; i <= edges; i++)); do printf 'edge-%d\n' "$i"; done
}
all_names() {
  ! starts_nats || printf 'nats\n'
  node_names
  edge_names
}

# Prints the path of the Unix socket of service $1. Fails if there is none, because the path is too
# long for the kernel, or has a comma, which separates addresses: the edges then use TCP.
service_socket() {
  local LC_ALL=C path=$run_dir/$1.sock
  ((${#path} <= 107)) && [[ $path != *,* ]] && printf '%s' "$path"
}

# --- pids that are proven ours -------------------------------------------------------------------

# Sets proc_state and proc_start (clock ticks after boot) of pid $1; fails when there is none.
read_proc() {
  local line fields
  { IFS= read -rd '' line </proc/"$1"/stat; } 2>/dev/null || [[ -n ${line-} ]] || return 1
  # The second field is the program's name in brackets and may hold anything.
  read -ra fields <<<"${line##*) }"
  proc_state=${fields[0]}
  proc_start=${fields[19]}
}

boot_id() { printf '%s' "$(</proc/sys/kernel/random/boot_id)"; }

# Notes that pid $2 is process $1 of ours.
record_pid() {
  proc_start=0 # it may have ended already: then nothing will match
  read_proc "$2" || true
  write_file "$run_dir/pids/$1" "$2 $proc_start $(boot_id)"
}

# Sets pid to the recorded pid of process $1 and tells whether that process lives. Pid and start time
# together name one process of one boot; a zombie is dead.
is_alive() {
  local start boot
  pid=''
  { read -r pid start boot <"$run_dir/pids/$1"; } 2>/dev/null || return 1
  [[ $pid =~ ^[1-9][0-9]*$ ]] && read_proc "$pid" || return 1
  [[ $proc_start == "$start" && $boot == "$(boot_id)" && $proc_state != [ZX] ]]
}

# Sends signal $2 to process $1 if it is still the one recorded.
signal_process() {
  local pid
  is_alive "$1" && kill -s "$2" "$pid" 2>/dev/null
}

# Every process with a pid file (also those of an earlier run), the supervisor excepted.
recorded_names() {
  local file
  for file in "$run_dir"/pids/*; do
    [[ -f $file && $file != */supervisor && $file != *.new.* ]] && printf '%s\n' "${file##*/}"
  done
  return 0
}

living_names() {
  local name pid
  for name in $(recorded_names); do
    is_alive "$name" && printf '%s\n' "$name"
  done
  return 0
}

# Sets admin to the admin address that process $1 (pid $2) wrote; fails when it has not yet.
read_state() {
  local line
  { IFS= read -r line <"$run_dir/state/$1"; } 2>/dev/null || return 1
  [[ $line =~ \"pid\":\ *([0-9]+) && ${BASH_REMATCH[1]} == "$2" ]] || return 1
  [[ $line =~ \"admin\":\ *\"([^\"]+)\" ]] || return 1
  admin=$(reachable "${BASH_REMATCH[1]}")
}

# The word in the log-level file, which people may edit: a slip there must not keep a process down.
current_log_level() {
  local level=''
  { read -r level _ <"$run_dir/log_level"; } 2>/dev/null || true
  [[ $level =~ $LOG_LEVELS ]] || level=info
  printf '%s' "$level"
}

restarts_of() {
  local count=0
  { read -r count <"$run_dir/restarts/$1"; } 2>/dev/null || true
  printf '%s' "${count:-0}"
}

# Removes what only makes sense while something runs. Logs, settings and counts stay.
clear_run_dir() {
  rm -f -- "$run_dir"/pids/* "$run_dir"/state/* "$run_dir"/*.sock "$run_dir/outcome"
}
