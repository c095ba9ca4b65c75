# shellcheck shell=bash
# The supervisor: starts the processes, starts again what dies, kills what no longer answers, ends
# them all. One per deployment; it holds the locks. Sourced by channelctl.
#
# SIGTERM or SIGINT: drain and end; a second one: at once (as the processes themselves do).
# SIGHUP: handed on, so that they read their log level again; without a terminal left: drain and end.

readonly RESTART_DELAY_S=1      # doubles up to …
readonly RESTART_DELAY_MAX_S=10 # … and starts afresh after …
readonly STEADY_S=30            # … this long up
readonly PROBE_EVERY_S=5        # a liveness question to every process
readonly PROBES_MISSED_MAX=4    # so a frozen process is killed after 20 to 25 s
readonly LOG_BYTES_MAX=$((32 << 20)) # per file; one older file is kept

declare -A child_pid started_ms restart_ms delay_s misses probe_name
names=() # of all processes, in starting order
nats_patience_s=10 # below what PROBES_MISSED_MAX allows: no state file until NATS is reached
supervisor_mode=daemon
probe_pid=''
next_probe_ms=0

note() {
  local line
  printf -v line '%(%Y-%m-%dT%H:%M:%SZ)T supervisor %s' -1 "$*"
  printf '%s\n' "$line" >>"$run_dir/logs/supervisor.log" || true
  [[ $supervisor_mode == daemon ]] || printf '%s\n' "$line" >&2 || true
}

# --- starting ------------------------------------------------------------------------------------

# The services that edges connect to; which is the first to try is chosen by an edge's number.
edge_channels() {
  local i socket text=''
  for ((i = 1; i <= nodes; i++)); do
    if socket=$(service_socket "channel-$i"); then
      text+=${text:+,}unix:$socket
    else
      text+=${text:+,}$(reachable "$(nth_address "$grpc_listen" "$i")")
    fi
  done
  printf '%s%s' "$text" "${channels:+,$channels}"
}

# Sets argv to the words that start process $1.
command_of() {
  local name=$1 flags socket listen
  if [[ $name == nats ]]; then
    argv=("$(nats_program)" -c nats/nats.conf)
    return
  fi
  local common=("--name=$name" "--state_file=$run_dir/state/$name"
    "--log_level=$(current_log_level)" "--log_level_file=$run_dir/log_level"
    "--drain_time=${drain_time}s")
  [[ $insecure == no ]] || common+=(--insecure)
  if [[ $name == channel-* ]]; then
    listen=$(nth_address "$grpc_listen" "${name#*-}")
    ! socket=$(service_socket "$name") || listen+=,unix:$socket
    argv=("$bin_dir/channel_service" "--listen=$listen"
      "--admin_listen=$(nth_address "$admin_listen" "${name#*-}")" "--engine=$engine" "${common[@]}")
    [[ $engine != nats ]] ||
      argv+=("--nats_url_file=$(service_nats_url_file)" "--nats_patience=${nats_patience_s}s")
    read -ra flags <<<"$service_flags" || true
    argv+=("${flags[@]}")
  else
    read -ra flags <<<"$edge_flags" || true
    argv=("$bin_dir/ws_edge" "--listen=$ws_listen" "--channel=$(edge_channels)"
      --admin_listen=127.0.0.1:0 "${common[@]}" "${flags[@]}")
  fi
}

# Starts process $1 in a session of its own, so that a Ctrl-C at our terminal is ours to handle, with
# nothing of the terminal and with the lock descriptors.
spawn() {
  local name=$1 argv=()
  command_of "$name"
  rm -f -- "$run_dir/state/$name"
  (
    exec {nap_fd}<&- </dev/null >>"$run_dir/logs/$name.log" 2>&1
    cd -- "$run_dir"
    unset grpc_proxy https_proxy http_proxy # gRPC would send even loopback through them
    unset CHANNEL_NATS_URL                  # it may hold a password, and is in a file
    exec setsid -- "${argv[@]}"
  ) &
  child_pid[$name]=$!
  # A process that nobody could find again must not run: its end is then noticed like any other.
  record_pid "$name" "${child_pid[$name]}" || kill -s KILL "${child_pid[$name]}" || true
  [[ $name != nats ]] ||
    write_file "$run_dir/state/nats" "{\"pid\": ${child_pid[nats]}, \"admin\": \"$(nats_monitor)\"}"
  clock
  started_ms[$name]=$now_ms
  misses[$name]=0
}

# Lives from our point of view: bash reaps a child as it dies, and then the pid is not ours any more.
child_lives() { [[ -n ${child_pid[$1]-} ]] && kill -0 "${child_pid[$1]}" 2>/dev/null; }

# Sets exit_code and removes what says that process $1 runs.
bury() {
  exit_code=0
  # Quiet: bash has its own words for a child that was killed, and we say it better.
  { wait "${child_pid[$1]}"; } 2>/dev/null || exit_code=$?
  child_pid[$1]=''
  rm -f -- "$run_dir/pids/$1" "$run_dir/state/$1" "$run_dir/$1.sock"
}

describe_exit() {
  if (($1 > 128)); then printf 'was ended by signal %s' "$(kill -l "$1")"; else printf 'exited with %d' "$1"; fi
}

# Waits until process $1 says that others may use it. Fills failure and failure_code when it does not.
await_ready() {
  local name=$1 admin path answer=''
  while [[ $ending == no ]]; do
    if ! child_lives "$name"; then
      bury "$name"
      failure="$name $(describe_exit "$exit_code") before it was ready"
      failure_code=$EXIT_FAILED
      ((exit_code < 64 || exit_code > 78)) || failure_code=$exit_code
      return 1
    fi
    if read_state "$name" "${child_pid[$name]}"; then
      path=$(start_path "$name")
      fetch "$admin" "$path" 2 >/dev/null 2>&1 && return 0
      answer=" ($(curl -q --noproxy '*' -s -g -m 2 "http://$admin$path" | head -c 200 || true))"
    fi
    if expired; then
      failure="$name is not ready after $ready_time s$answer"
      failure_code=$EXIT_UNAVAILABLE
      return 1
    fi
    nap 0.05
  done
  failure="stopped before $name was ready"
  failure_code=$EXIT_FAILED
  return 1
}

# Starts the named processes and waits until all are ready, unless nobody is to wait.
start_together() {
  local name
  for name in "$@"; do spawn "$name"; done
  ((ready_time > 0)) || return 0
  set_deadline "$ready_time"
  for name in "$@"; do
    failed_name=$name
    await_ready "$name" || return 1
  done
}

# Each after what it needs: a service is ready when it has reached NATS, an edge when it has reached
# a service.
start_all() {
  local group later_patience_s=$nats_patience_s
  # Its own words are better than ours: it gives up a little earlier.
  ((ready_time == 0)) || nats_patience_s=$(((ready_time * 4 + 4) / 5))
  ! starts_nats || start_together nats || return 1
  for group in node_names edge_names; do
    # shellcheck disable=SC2046 # names are words
    start_together $("$group") || return 1
  done
  nats_patience_s=$later_patience_s
}

report_failure() {
  note "start failed: $failure"
  write_file "$run_dir/outcome" "failed $failure_code" "$failure" \
    "$(quote_log "$run_dir/logs/$failed_name.log" 5)"
}

# --- running -------------------------------------------------------------------------------------

# Process $1 died: have it started again after a delay.
plan_restart() {
  local name=$1
  bury "$name"
  clock
  if ((now_ms - started_ms[$name] >= STEADY_S * 1000)); then
    delay_s[$name]=$RESTART_DELAY_S
  else
    ((delay_s[$name] = ${delay_s[$name]:-0} * 2)) || delay_s[$name]=$RESTART_DELAY_S
    ((delay_s[$name] <= RESTART_DELAY_MAX_S)) || delay_s[$name]=$RESTART_DELAY_MAX_S
  fi
  restart_ms[$name]=$((now_ms + delay_s[$name] * 1000))
  note "$name $(describe_exit "$exit_code"); starting it again in ${delay_s[$name]} s"
}

tend() {
  local name=$1
  if [[ -n ${child_pid[$name]} ]]; then
    child_lives "$name" || plan_restart "$name"
    return 0
  fi
  clock
  ((now_ms >= restart_ms[$name])) || return 0
  write_file "$run_dir/restarts/$name" $(($(restarts_of "$name") + 1))
  spawn "$name"
}

# A frozen edge keeps its share of the port and hangs every browser that lands there, so it must go.
# Each question counts as missed until its answer is read, in a later turn.
kill_silent() {
  local name
  for name in "${names[@]}"; do
    ((misses[$name] >= PROBES_MISSED_MAX)) || continue
    note "$name has not answered $PROBES_MISSED_MAX times: killing it"
    signal_process "$name" KILL || true
  done
}

# One curl asks all. A process that has not come as far as its state file misses the question too.
start_probe() {
  local name admin url questions=()
  probe_name=()
  for name in "${names[@]}"; do
    [[ -n ${child_pid[$name]} ]] || continue
    ((misses[$name] += 1))
    read_state "$name" "${child_pid[$name]}" || continue
    url=http://$admin$(liveness_path "$name")
    questions+=(-o /dev/null "$url")
    probe_name[$url]=$name
  done
  ((${#questions[@]} > 0)) || return 0
  curl -q --noproxy '*' -Z -s -g -m 2 -w '%{url} %{http_code}\n' "${questions[@]}" \
    >"$run_dir/probe" 2>/dev/null {nap_fd}<&- &
  probe_pid=$!
}

read_probe() {
  local url code
  kill -0 "$probe_pid" 2>/dev/null && return 0
  wait "$probe_pid" || true
  probe_pid=''
  while read -r url code; do
    if [[ $code == 200 && -n ${probe_name[$url]-} ]]; then misses[${probe_name[$url]}]=0; fi
  done <"$run_dir/probe"
}

# A log file has a bound like everything else. The processes append, so cutting it off is safe.
bound_logs() {
  local file
  find "$run_dir/logs" -name '*.log' -size "+$((LOG_BYTES_MAX / 1024))k" -print |
    while IFS= read -r file; do
      cp -- "$file" "$file.1" && : >"$file"
    done
}

probe() {
  if [[ -n $probe_pid ]]; then
    read_probe
    return 0
  fi
  clock
  ((now_ms >= next_probe_ms)) || return 0
  next_probe_ms=$((now_ms + PROBE_EVERY_S * 1000))
  kill_silent
  start_probe
  bound_logs
}

# Whatever fails in a turn (a full disk, say) must not end the supervisor: `||` keeps errexit off.
run_until_signal() {
  local name
  clock
  next_probe_ms=$((now_ms + PROBE_EVERY_S * 1000))
  while [[ $ending == no ]]; do
    for name in "${names[@]}"; do tend "$name" || note "cannot tend $name"; done
    probe || note 'cannot probe'
    nap 0.2
  done
}

# --- signals, life -------------------------------------------------------------------------------

on_end_signal() {
  [[ $ending == no ]] || stop_mode=now
  ending=yes
}
on_hangup() {
  if [[ $supervisor_mode == daemon ]]; then
    signal_all HUP "${names[@]}"
  else
    on_end_signal
  fi
}
set_traps() {
  trap on_end_signal TERM INT
  trap on_hangup HUP
  trap : PIPE # the terminal or the pipe that we print to may go away
}

# A daemon keeps nothing of who started it; the locks are all that it inherits.
close_inherited() {
  local fd
  for fd in /proc/$$/fd/*; do
    fd=${fd##*/}
    # 255 is how bash reads this script.
    [[ $fd -gt 2 && $fd -ne 255 && " ${lock_fds[*]} " != *" $fd "* ]] || continue
    exec {fd}<&-
  done
}

# As many descriptors as we may have: each browser is one.
raise_limits() { ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true; }

# Connections that wait for an edge which ends then go to another one, instead of being reset. A setting
# of the machine (of its network namespace), so only where we may.
migrate_waiting_connections() {
  local setting=/proc/sys/net/ipv4/tcp_migrate_req
  [[ -w $setting && $(<"$setting") == 0 ]] || return 0
  ! echo 1 2>/dev/null >"$setting" ||
    note 'net.ipv4.tcp_migrate_req is 1 now: connections that wait for an edge survive its end'
}

begin() {
  local path file paths
  mapfile -t paths < <(own_locks)
  for path in "${paths[@]}"; do sign_lock "$path"; done
  record_pid supervisor "$$"
  ! starts_nats || write_nats_config
  [[ $engine != nats ]] || write_nats_url
  for file in "$run_dir"/logs/*.log; do
    [[ ! -f $file || $file == */supervisor.log ]] || mv -f -- "$file" "$file.1"
  done
  raise_limits
  migrate_waiting_connections
}

# A process that was asked to end should say 0: anything else is a crash on the way out.
note_exits() {
  local name
  for name in "${!child_pid[@]}"; do
    [[ -n ${child_pid[$name]} && " ${killed[*]} " != *" $name "* ]] || continue
    bury "$name"
    ((exit_code == 0)) || note "$name $(describe_exit "$exit_code") while stopping"
  done
}

finish() {
  local path paths
  note 'stopping'
  # It has our locks open, like every child.
  [[ -z $probe_pid ]] || kill -s KILL "$probe_pid" 2>/dev/null || true
  stop_recorded
  if ((${#killed[@]} > 0)); then
    note "killed, because they did not end by themselves: ${killed[*]}"
    write_file "$run_dir/killed" "${killed[*]}"
  fi
  mapfile -t paths < <(own_locks)
  for path in "${paths[@]}"; do unsign_lock "$path"; done
}

# The life of a supervisor. Ends the shell.
supervise() {
  supervisor_mode=$1
  lock_fds=("${@:2}")
  mapfile -t names < <(all_names)
  ending=no
  close_inherited
  open_nap
  set_traps
  begin
  note "starting $edges edges and $(other_names)"
  if start_all; then
    if ((ready_time > 0)); then note 'all processes are ready'; else note 'started, waiting for nobody'; fi
    write_file "$run_dir/outcome" ready
    [[ $supervisor_mode == daemon ]] || print_started foreground || true # nobody may be reading
    run_until_signal
    finish
    note_exits
    clear_run_dir
  else
    ending=yes
    stop_mode=now
    report_failure
    finish
    [[ $supervisor_mode == daemon ]] || print_failure || true
    rm -f -- "$run_dir"/pids/*
    exit "$failure_code"
  fi
  note 'stopped'
  if ((${#killed[@]} > 0)); then exit "$EXIT_FAILED"; fi
  exit 0
}
