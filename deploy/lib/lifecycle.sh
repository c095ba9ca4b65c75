# shellcheck shell=bash
# start, stop, restart and reload as the operator sees them. Sourced by channelctl.

readonly RELOAD_S=5

# --- start ---------------------------------------------------------------------------------------

# Finds what is wrong before anything is touched.
check_programs() {
  local program
  for program in channel_service ws_edge; do
    [[ -f $bin_dir/$program && -x $bin_dir/$program ]] ||
      die "$EXIT_UNAVAILABLE" "no program $program in $bin_dir; build it" \
        "(cmake --preset release && cmake --build --preset release) or say where it is with --bin_dir"
  done
  for program in curl flock setsid; do
    command -v "$program" >/dev/null || die "$EXIT_UNAVAILABLE" "$program is missing; install it"
  done
  starts_nats || return 0
  nats_program >/dev/null ||
    die "$EXIT_UNAVAILABLE" "no program ${nats_server:-nats-server}; install Debian's package" \
      "nats-server (${here}/install_deps.sh --nats), or name a NATS that runs with --nats_url"
  warn_of_old_cluster
}

# The words to stop or look at this deployment.
hint() {
  if [[ $run_dir == "$(default_run_dir)" ]]; then
    printf '%s %s' "$self" "$1"
  else
    printf '%s %s --run_dir %q' "$self" "$1" "$run_dir"
  fi
}

print_started_row() { # worker, listen, processes
  printf '%-11s %-16s %-27s %-10s %s\n' "$user" "$1" "$2" "$3" "$verdict"
}

print_started() {
  local user i verdict='[OK]' mode=$1
  local line='---------------------------------------------------------------------'
  ((ready_time > 0)) || verdict='[STARTED]'
  user=$(id -un 2>/dev/null || printf '%s' "$EUID")
  printf 'Channel starts in %s mode\n' "$mode"
  printf -- '-------------------------------- CHANNEL %s\n' "${line:0:28}"
  printf 'engine: %s    run directory: %s\n' "$engine" "$run_dir"
  printf -- '-------------------------------- WORKERS %s\n' "${line:0:28}"
  printf '%-11s %-16s %-27s %-10s %s\n' user worker listen processes status
  ! starts_nats || print_started_row nats-server "nats://$nats_listen" 1
  for ((i = 1; i <= nodes; i++)); do
    print_started_row channel_service "grpc://$(nth_address "$grpc_listen" "$i")" 1
  done
  print_started_row ws_edge "websocket://$ws_listen" "$edges"
  printf '%s\n' "$line"
  ((ready_time > 0)) || say "Nothing was waited for; see $(hint status)"
  if [[ $mode == foreground ]]; then
    say 'Press Ctrl-C to stop. Start succeeded.'
  else
    say "Start succeeded. Stop with: $(hint stop)"
  fi
}

# Prints why the start failed; sets failure_code.
print_failure() {
  local lines word
  mapfile -t lines <"$run_dir/outcome"
  read -r word failure_code <<<"${lines[0]}"
  warn "start failed: ${lines[1]}"
  printf '%s\n' "${lines[@]:2}" >&2
}

# Waits for what the supervisor (our child $1) writes into `outcome`.
await_outcome() {
  local supervisor=$1
  # Three rounds of readiness and the stop of what did not come up: see supervisor.sh and stop.sh.
  set_deadline $((3 * ready_time + 30))
  until [[ -s $run_dir/outcome ]]; do
    if ! kill -0 "$supervisor" 2>/dev/null && [[ ! -s $run_dir/outcome ]]; then
      warn "the supervisor ended before the start was complete; see $run_dir/logs/supervisor.log"
      quote_log "$run_dir/logs/supervisor.log" 5 >&2
      return 1
    fi
    if expired; then
      warn "the supervisor (pid $supervisor) does not get anywhere: killing it"
      kill -s KILL "$supervisor" || true
      return 1
    fi
    nap 0.05
  done
}

start_daemon() {
  local supervisor word
  setsid -- "$self_path" __supervise daemon "$run_dir" "${lock_fds[@]}" \
    </dev/null >>"$run_dir/logs/supervisor.log" 2>&1 {nap_fd}<&- &
  supervisor=$!
  # Interrupted while waiting: leave nothing behind.
  trap 'kill -s TERM "$supervisor"; wait "$supervisor"; exit 130' INT TERM
  await_outcome "$supervisor" || exit "$EXIT_FAILED"
  read -r word _ <"$run_dir/outcome"
  if [[ $word == ready ]]; then
    print_started daemon
    return 0
  fi
  print_failure
  wait "$supervisor" || true
  exit "$failure_code"
}

cmd_start() {
  check_programs
  create_run_dir
  claim_all
  # From here on the run directory is ours alone.
  clear_run_dir
  rm -f -- "$run_dir/killed" "$run_dir"/restarts/*
  save_config
  write_file "$run_dir/log_level" "${log_level:-info}"
  if [[ $daemon == yes ]]; then
    start_daemon
  else
    exec "$self_path" __supervise foreground "$run_dir" "${lock_fds[@]}"
  fi
}

# --- stop ----------------------------------------------------------------------------------------

# Asks the supervisor to end everything and waits until it is gone.
stop_supervisor() {
  local pid second_term_ms rounds=2 patience_s
  ! starts_nats || rounds=3
  patience_s=$((rounds * KILL_S + 5))
  [[ $stop_mode == now ]] || ((patience_s += rounds * drain_time))
  signal_process supervisor TERM || return 0
  clock
  second_term_ms=$((now_ms + SECOND_TERM_S * 1000))
  set_deadline "$patience_s"
  while is_alive supervisor; do
    nap 0.05
    if [[ $stop_mode == now ]] && clock && ((now_ms >= second_term_ms)); then
      signal_process supervisor TERM || true
      second_term_ms=$((deadline_ms + 1))
    fi
    if expired; then
      warn "the supervisor (pid $pid) does not end: killing it"
      killed+=(supervisor)
      signal_process supervisor KILL || true
      return 0
    fi
  done
}

# Every process of the deployment has the lock of the run directory open: whoever gets it knows that
# none is left.
verify_stopped() {
  flock -s -w 3 "$run_dir/lock" true && return 0
  warn "still running: pid $(openers_of "$run_dir/lock")"
  return 1
}

# All but the edges, for people.
other_names() {
  local names text
  mapfile -t names < <(
    node_names
    ! starts_nats || echo nats
  )
  printf -v text ', %s' "${names[@]}"
  printf '%s' "${text:2}"
}

# Ends what runs. Status 0: nothing of it is left and nothing had to be killed.
stop_deployment() {
  local pid names word
  clock
  local began_ms=$now_ms
  load_config
  stop_supervisor
  mapfile -t names < <(living_names)
  ((${#names[@]} == 0)) || warn "the supervisor is gone; ending ${names[*]} without it"
  stop_recorded
  verify_stopped || return 1
  clear_run_dir
  if [[ -s $run_dir/killed ]]; then
    read -ra word <"$run_dir/killed"
    killed+=("${word[@]}")
    rm -f -- "$run_dir/killed"
  fi
  clock
  if ((${#killed[@]} > 0)); then
    warn "had to kill ${killed[*]}: no end within the time allowed"
    return 1
  fi
  printf 'Stopped %d edges and %s in %d.%d s.\n' "$edges" "$(other_names)" \
    $(((now_ms - began_ms) / 1000)) $(((now_ms - began_ms) % 1000 / 100))
}

anything_runs() {
  local pid
  is_alive supervisor || [[ -n $(living_names) ]]
}

# A start that has just begun has the lock, but no pid file yet. Status 0: something runs.
settle() {
  set_deadline 3
  until anything_runs; do
    if [[ ! -e $run_dir/lock ]] || flock -s -n "$run_dir/lock" true || expired; then return 1; fi
    nap 0.05
  done
}

cmd_stop() {
  if ! find_run_dir || ! settle; then
    say "Nothing to stop: nothing runs in run directory $run_dir."
    # Removes what a crash left; under the lock, because a start may come at any moment.
    [[ ! -e $run_dir/lock ]] || (flock -n 9 && clear_run_dir) 9<"$run_dir/lock" || true
    return 0
  fi
  stop_mode=now
  [[ $graceful == no ]] || stop_mode=drain
  stop_deployment || exit "$EXIT_FAILED"
}

# The settings of the last start hold unless they are given again.
cmd_restart() {
  local keep=("${given[@]}")
  # One of these replaces the other.
  [[ " ${given[*]}" != *' nats_url'* ]] || keep+=(nats_url nats_url_file)
  if find_run_dir; then
    load_config "${keep[@]}"
    check_settings
    check_programs # better to know before the stop
    # A process that was killed is gone too: that is said, and no reason not to start.
    (cmd_stop) || true
  fi
  cmd_start
}

# --- reload --------------------------------------------------------------------------------------

# Sets reloads to the reload counter of process $1; fails when it does not answer.
read_reloads() {
  local pid admin
  is_alive "$1" && read_state "$1" "$pid" || return 1
  reloads=$(fetch "$admin" /metrics 2 2>/dev/null | sum_metric channel_reloads_total)
}

# Status 0 when process $1 counted more reloads than $2 before the deadline.
await_reload() {
  local reloads
  until read_reloads "$1" && ((reloads > $2)); do
    expired && return 1
    nap 0.05
  done
}

cmd_reload() {
  local names name pid reloads failed=0
  declare -A before
  if ! find_run_dir || ! anything_runs; then
    die "$EXIT_NOT_RUNNING" "nothing runs in run directory $run_dir"
  fi
  load_config log_level
  if [[ -n $log_level ]]; then
    write_file "$run_dir/log_level" "$log_level"
    save_config # also for the next restart
  fi
  mapfile -t names < <(
    node_names
    edge_names
  )
  for name in "${names[@]}"; do
    if read_reloads "$name"; then before[$name]=$reloads; fi
  done
  for name in "${!before[@]}"; do signal_process "$name" HUP || true; done
  set_deadline "$RELOAD_S"
  for name in "${names[@]}"; do
    if [[ -z ${before[$name]-} ]]; then
      warn "$name does not answer: not reloaded"
      failed=1
    elif ! await_reload "$name" "${before[$name]}"; then
      warn "$name did not confirm the reload within $RELOAD_S s"
      failed=1
    fi
  done
  ((failed == 0)) || exit "$EXIT_FAILED"
  say "Reloaded ${#names[@]} processes; log level $(current_log_level)."
}
