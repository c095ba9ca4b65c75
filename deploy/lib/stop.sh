# shellcheck shell=bash
# Ending processes: SIGTERM drains, a second SIGTERM ends at once, SIGKILL is the last resort.
# Run by the supervisor, and by `stop` for what a dead supervisor left behind. Sourced by channelctl.

readonly SECOND_TERM_S=1 # a drain has this long before `stop` says "at once"
readonly KILL_S=10       # after "at once", or after the drain time

# How: "drain" lets the drain time pass, "now" does not. A trap may turn drain into now meanwhile.
stop_mode=drain
killed=()

# nats-server is asked by SIGINT: after SIGTERM it ends in the same order, but with 1.
signal_all() {
  local signal=$1 name
  shift
  for name in "$@"; do
    if [[ $name == nats && $signal == TERM ]]; then
      signal_process nats INT || true
    else
      signal_process "$name" "$signal" || true
    fi
  done
}

# Drops from the array remaining those that are gone, with their pid and state files.
drop_gone() {
  local name pid left=()
  for name in "${remaining[@]}"; do
    if is_alive "$name"; then
      left+=("$name")
    else
      rm -f -- "$run_dir/pids/$name" "$run_dir/state/$name" "$run_dir/$name.sock"
    fi
  done
  remaining=("${left[@]}")
}

# Ends the named processes together and returns when none is left. Bounded: see KILL_S.
stop_processes() {
  local remaining=("$@") began_ms second_term=no kill_ms
  drop_gone
  clock
  began_ms=$now_ms
  kill_ms=$((began_ms + (drain_time + KILL_S) * 1000))
  signal_all TERM "${remaining[@]}"
  while
    drop_gone
    ((${#remaining[@]} > 0))
  do
    nap 0.05
    clock
    if [[ $stop_mode == now && $second_term == no ]] && ((now_ms >= began_ms + SECOND_TERM_S * 1000)); then
      second_term=yes
      signal_all TERM "${remaining[@]}"
      kill_ms=$((now_ms + (KILL_S - SECOND_TERM_S) * 1000))
    fi
    if ((now_ms >= kill_ms)); then
      kill_remaining
      return
    fi
  done
}

kill_remaining() {
  killed+=("${remaining[@]}")
  signal_all KILL "${remaining[@]}"
  set_deadline 5 # a process in an uninterruptible system call outlives even this
  while
    drop_gone
    ((${#remaining[@]} > 0)) && ! expired
  do nap 0.05; done
}

# Edges first: they tell their browsers to come back while the service still takes what they send.
# NATS last: services write to it until they end.
stop_recorded() {
  local name edges_left=() nodes_left=() nats_left=()
  for name in $(recorded_names); do
    case $name in
      edge-*) edges_left+=("$name") ;;
      nats) nats_left+=("$name") ;;
      *) nodes_left+=("$name") ;;
    esac
  done
  stop_processes "${edges_left[@]}"
  stop_processes "${nodes_left[@]}"
  stop_processes "${nats_left[@]}"
}
