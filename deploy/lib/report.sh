# shellcheck shell=bash
# status, connections and logs: what runs and how it is. Sourced by channelctl.

# Sums metric $1 over its labels from the text on standard input, as a whole number.
sum_metric() {
  awk -v name="$1" '
    { metric = $1; sub(/[{].*/, "", metric) }
    metric == name { sum += $NF }
    END { printf "%.0f", sum }'
}

# Asks every living process for its metrics and its readiness at the same time, so that the whole
# question is bounded by one time-out. The answers land in directory $1.
ask_all() {
  local answers=$1 name pid admin
  for name in $(all_names); do
    is_alive "$name" && read_state "$name" "$pid" || continue
    fetch "$admin" "$(metrics_path "$name")" 2 >"$answers/$name.metrics" 2>/dev/null &
    { fetch "$admin" "$(readiness_path "$name")" 2 && : >"$answers/$name.ready"; } >/dev/null 2>&1 &
  done
  wait
}

# Sets verdict, and pid if there is one, for process $1 whose answers are in directory $2.
judge() {
  if ! is_alive "$1"; then
    verdict=DEAD
    pid=-
  elif [[ ! -f $2/$1.metrics ]]; then
    verdict=STARTING # it has not said yet that its ports listen
  elif [[ ! -s $2/$1.metrics ]]; then
    verdict='NO ANSWER'
  elif [[ ! -f $2/$1.ready ]]; then
    verdict='NOT READY'
  else
    verdict=OK
  fi
}

# Sets sessions, groups, messages_in, messages_out and upstream from metrics file $2 of process $1.
read_figures() {
  local metrics=$2
  upstream=-
  if [[ ! -s $metrics ]]; then
    sessions=- groups=- messages_in=- messages_out=-
  elif [[ $1 == nats ]]; then
    sessions=$(json_number connections <"$metrics")
    groups=-
    messages_in=$(json_number in_msgs <"$metrics")
    messages_out=$(json_number out_msgs <"$metrics")
  elif [[ $1 == channel-* ]]; then
    sessions=$(sum_metric channel_service_subscribers <"$metrics")
    groups=$(sum_metric channel_service_groups <"$metrics")
    messages_in=$(sum_metric channel_service_publications_total <"$metrics")
    messages_out=$(sum_metric channel_service_deliveries_total <"$metrics")
  else
    sessions=$(sum_metric channel_edge_sessions <"$metrics")
    groups=$(sum_metric channel_edge_groups <"$metrics")
    messages_in=$(sum_metric channel_edge_messages_received_total <"$metrics")
    messages_out=$(sum_metric channel_edge_deliveries_total <"$metrics")
    upstream=down
    [[ $(sum_metric channel_edge_upstream_up <"$metrics") == 0 ]] || upstream=up
  fi
}

# Resident memory of a process in KiB: from its metrics, or from the kernel when it does not answer.
memory_kib() {
  local pid=$1 metrics=$2 bytes=0 pages
  if [[ -s $metrics ]]; then bytes=$(sum_metric channel_process_resident_memory_bytes <"$metrics"); fi
  if [[ $bytes == 0 && $pid != - ]]; then
    { read -r _ pages _ <"/proc/$pid/statm"; } 2>/dev/null || pages=0
    bytes=$((pages * $(getconf PAGESIZE)))
  fi
  printf '%d' $((bytes / 1024))
}

readonly STATUS_ROW='%-10s %-8s %-12s %-9s %12s %8s %13s %13s %9s %9s\n'

# Prints the row of process $1 and adds it to the totals; counts in bad what is not fine.
print_process() {
  local name=$1 answers=$2 pid verdict sessions groups messages_in messages_out upstream kib restarts
  judge "$name" "$answers"
  read_figures "$name" "$answers/$name.metrics"
  kib=$(memory_kib "$pid" "$answers/$name.metrics")
  restarts=$(restarts_of "$name")
  [[ $verdict == OK ]] || ((bad += 1))
  ((total_kib += kib, total_restarts += restarts)) || true
  if [[ $name == edge-* && $sessions != - ]]; then
    ((total_sessions += sessions, total_in += messages_in, total_out += messages_out)) || true
  fi
  # shellcheck disable=SC2059
  printf "$STATUS_ROW" "$name" "$pid" "[$verdict]" "$(human_kib "$kib")" "$sessions" "$groups" \
    "$messages_in" "$messages_out" "$restarts" "$upstream"
}

print_supervisor() {
  local pid proc_state proc_start up i
  if is_alive supervisor; then
    read -r up _ </proc/uptime
    up=$((${up%.*} - proc_start / $(getconf CLK_TCK)))
    printf 'supervisor: pid %s, up %s' "$pid" "$(human_age "$up")"
  else
    ((bad += 1))
    printf 'supervisor: [DEAD], so nothing starts again what dies; cure: %s' "$(hint 'restart -d')"
  fi
  printf '    engine: %s    run directory: %s\n' "$engine" "$run_dir"
  printf 'listen: websocket://%s' "$ws_listen"
  for ((i = 1; i <= nodes; i++)); do printf ' grpc://%s' "$(nth_address "$grpc_listen" "$i")"; done
  ! starts_nats || printf ' nats://%s' "$nats_listen"
  printf '\n'
}

cmd_status() {
  local answers name bad=0 total_kib=0 total_sessions=0 total_in=0 total_out=0 total_restarts=0
  if ! find_run_dir || [[ -z $(recorded_names) && ! -f $run_dir/pids/supervisor ]]; then
    say "Nothing runs in run directory $run_dir."
    exit "$EXIT_NOT_RUNNING"
  fi
  load_config
  answers=$(mktemp -d)
  # shellcheck disable=SC2064 # the value of now is meant
  trap "rm -rf -- '$answers'" EXIT
  ask_all "$answers"
  print_supervisor
  # shellcheck disable=SC2059
  printf "$STATUS_ROW" process pid status memory connections groups 'messages in' 'messages out' \
    restarts upstream
  for name in $(all_names); do print_process "$name" "$answers"; done
  # shellcheck disable=SC2059
  printf "$STATUS_ROW" total - - "$(human_kib "$total_kib")" "$total_sessions" - "$total_in" \
    "$total_out" "$total_restarts" -
  say "Total connections and messages are those of the edges; connections of a channel_service are edges."
  ((bad == 0)) || exit "$EXIT_FAILED"
}

cmd_connections() {
  local name pid admin lines failed=0
  if ! find_run_dir || ! anything_runs; then
    say "Nothing runs in run directory $run_dir."
    exit "$EXIT_NOT_RUNNING"
  fi
  load_config
  for name in $(edge_names); do
    if is_alive "$name" && read_state "$name" "$pid" && lines=$(fetch "$admin" /connections 5); then
      printf '%s (pid %s): %d connections\n' "$name" "$pid" "$(grep -c . <<<"$lines" || true)"
      [[ -z $lines ]] || printf '%s\n' "$lines"
    else
      warn "$name does not answer"
      failed=1
    fi
  done
  ((failed == 0)) || exit "$EXIT_FAILED"
}

readonly LOG_LINES=20

# tail says "==> file <==" whenever it turns to another file; that becomes the name before each line.
# Not awk: Debian's waits for a full buffer.
name_lines() {
  sed -un '
    \|^==> .*/\(.*\)\.log <==$| {
      s||\1          |
      s/^\(.\{10\}\) */\1/
      h
      d
    }
    /./ {
      G
      s/\(.*\)\n\(.*\)/\2 | \1/p
    }'
}

cmd_logs() {
  local tail_pid
  if ! find_run_dir || ! compgen -G "$run_dir/logs/*.log" >/dev/null; then
    say "No logs in run directory $run_dir."
    exit "$EXIT_NOT_RUNNING"
  fi
  if [[ $follow_logs == no ]]; then
    tail -v -n "$LOG_LINES" -- "$run_dir"/logs/*.log | name_lines
    return
  fi
  tail -v -n "$LOG_LINES" -F -- "$run_dir"/logs/*.log 2>/dev/null > >(name_lines) &
  tail_pid=$!
  trap 'kill "$tail_pid" 2>/dev/null; exit 0' INT TERM # the usual end
  wait "$tail_pid"
}
