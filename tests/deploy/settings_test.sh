#!/usr/bin/env bash
# deploy/channelctl: flags and their refusal, reload, restart, and starts that cannot succeed.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

is_bad_usage() { ctl "$@" && exits 64 && one_line && says '^channelctl: .*--help'; }
bad_usage_is_refused() {
  is_bad_usage &&
    is_bad_usage fly &&
    is_bad_usage start stop &&
    is_bad_usage start --edges 0 &&
    is_bad_usage start --edges &&
    is_bad_usage start --edges two &&
    is_bad_usage start --edges 513 &&
    is_bad_usage start --sails 3 &&
    is_bad_usage start -x &&
    is_bad_usage start -g &&
    is_bad_usage stop -d &&
    is_bad_usage status -f &&
    is_bad_usage start --ws_listen 1234 &&
    is_bad_usage start --ws_listen 127.0.0.1:0 &&
    is_bad_usage start --ws_listen 127.0.0.1:65536 &&
    is_bad_usage start --ws_listen 127.0.0.1:2206 --grpc_listen 127.0.0.1:2206 &&
    is_bad_usage reload --log_level loud &&
    is_bad_usage start --edge_flags '--name=mine' &&
    is_bad_usage start --drain_time 5m &&
    is_bad_usage start --insecure=perhaps &&
    is_bad_usage start --allowed_origins='*' && says 'go into --service_flags or --edge_flags' &&
    ! [[ -e $run_dir ]]
}
help_is_complete() {
  local word
  ctl --help && exits 0 || return 1
  for word in start stop restart reload status connections logs CHANNEL_EDGES CHANNEL_WS_LISTEN \
    CHANNEL_GRPC_LISTEN CHANNEL_ADMIN_LISTEN CHANNEL_RUN_DIR CHANNEL_ENGINE CHANNEL_INSECURE CHANNEL_SERVICE_FLAGS \
    CHANNEL_EDGE_FLAGS CHANNEL_BIN_DIR; do
    says "$word" || return 1
  done
}

nothing_runs_is_said() {
  ctl status && exits 3 && says '^Nothing runs' &&
    ctl stop && exits 0 && says '^Nothing to stop' &&
    ctl reload && exits 3 &&
    ctl connections && exits 3 &&
    ctl logs && exits 3 && ! [[ -e $run_dir ]]
}

missing_programs_are_named() {
  ctl start -d --bin_dir "$scratch/nowhere" && exits 69 && one_line &&
    says "no program channel_service in $scratch/nowhere" && ! [[ -e $run_dir ]]
}
bad_run_dirs_are_refused() {
  : >"$scratch/file" && mkdir -m 755 "$scratch/open" && ln -s "$scratch" "$scratch/link" || return 1
  ctl start -d --run_dir "$scratch/file/run" && exits 73 && one_line && says 'Not a directory' &&
    ctl start -d --run_dir "$scratch/file" && exits 73 && one_line && says 'not a directory' &&
    ctl start -d --run_dir "$scratch/open" && exits 73 && one_line && says 'open to others .mode 755.' &&
    ctl status --run_dir "$scratch/link" && exits 73 && one_line &&
    ctl start -d --run_dir /proc/channel && exits 73 && one_line
}

# --- reload and restart ---------------------------------------------------------------------------

reloads_of() { get "$(admin_of "$1")/metrics" | awk '/^channel_reloads_total/ { print $NF }'; }
reload_is_confirmed() {
  local name
  declare -A before
  for name in channel-1 edge-1 edge-2; do before[$name]=$(reloads_of "$name"); done
  ctl reload --log_level debug && exits 0 && says '^Reloaded 3 processes; log level debug' || return 1
  for name in channel-1 edge-1 edge-2; do
    (($(reloads_of "$name") == ${before[$name]} + 1)) || return 1
  done
  [[ $(<"$run_dir/log_level") == debug ]] && ctl reload --log_level info && exits 0
}

reload_that_changes_nothing_fails() {
  echo loud >"$run_dir/log_level"
  ctl reload && exits 1 && says 'channel-1 did not confirm' && says 'edge-2 did not confirm' || return 1
  ctl reload --log_level info && exits 0
}

restart_keeps_settings() {
  local old
  old=$(pid_of edge-1)
  env -i PATH="$PATH" timeout "$COMMAND_S" "$ctl" restart -d --run_dir "$run_dir" >"$scratch/restart" 2>&1 || return 1
  out=$(<"$scratch/restart")
  says "websocket://127.0.0.1:$ws_port +2 +\[OK\]" && [[ $(pid_of edge-1) != "$old" ]] && gone "$old" &&
    ctl status && exits 0 && says '^edge-1 .* 0 +up'
}
restart_takes_new_settings() {
  ctl restart -d --edges 3 && exits 0 && says ' 3 +\[OK\]' && ctl status && exits 0 && says '^edge-3 '
}
restart_without_programs_changes_nothing() {
  ctl restart -d --bin_dir "$scratch/nowhere" && exits 69 && ctl status && exits 0
}
# The way out that the refusal of an exposed address names is one that channelctl takes, and so are
# the values that the programs' own flags have.
exposed_address_needs_insecure() {
  local name
  ctl start -d --ws_listen "0.0.0.0:$ws_port" && exits 78 && says 'say --insecure' && stopped_clean &&
    ctl start -d --ws_listen "0.0.0.0:$ws_port" --grpc_listen "0.0.0.0:$grpc_port" --insecure --drain_time=3s &&
    exits 0 || return 1
  for name in channel-1 edge-1 edge-2; do
    tr '\0' '\n' <"/proc/$(pid_of "$name")/cmdline" >"$scratch/words"
    grep -qx -- --insecure "$scratch/words" && grep -qx -- --drain_time=3s "$scratch/words" || return 1
  done
  local -x CHANNEL_WS_LISTEN=0.0.0.0:$ws_port # restart takes what the environment says
  ctl restart -d && exits 0 && says "websocket://0.0.0.0:$ws_port" && ctl stop && exits 0 &&
    CHANNEL_INSECURE=yes ctl start -d && exits 0 && ctl restart -d --insecure=no && exits 78 && stopped_clean
}
restart_of_nothing_starts() { ctl restart -d && exits 0 && ctl status && exits 0; }

# --- starts that cannot succeed -------------------------------------------------------------------

failing_process_is_named() {
  local pids
  ctl start -d --edge_flags '--no_such_flag=1' && exits 64 && says 'start failed: edge-[12] exited with 64' &&
    says 'no_such_flag' && ctl status && exits 3 && stopped_clean &&
    ctl start --edge_flags '--no_such_flag=1' && exits 64 && says 'no_such_flag' && stopped_clean
}
unready_process_is_named() {
  # An edge that looks for its service at the wrong place.
  ctl start -d --edge_flags "--channel=127.0.0.1:$spare_port" --ready_time 15 && exits 69 &&
    says 'start failed: edge-1 is not ready after 15 s' && stopped_clean
}

# --- the suites -----------------------------------------------------------------------------------

usage() {
  it 'bad usage is refused with one line and 64' bad_usage_is_refused
  it 'help names every command and variable' help_is_complete
  it 'when nothing runs, that is said and nothing is created' nothing_runs_is_said
  it 'missing programs are named' missing_programs_are_named
  it 'a run directory that is not private or not writable is refused' bad_run_dirs_are_refused
}
reload() {
  it 'everything starts' starts
  it 'reload is confirmed by every process' reload_is_confirmed
  it 'reload fails when the processes do not accept the level' reload_that_changes_nothing_fails
  it 'stop leaves nothing after reloads either' stop_leaves_nothing
}
restart() {
  it 'everything starts' starts
  it 'restart keeps the settings of the last start' restart_keeps_settings
  it 'restart without programs changes nothing' restart_without_programs_changes_nothing
  it 'restart takes new settings' restart_takes_new_settings
  it 'stop leaves nothing after restarts either' stop_leaves_nothing
  it 'restart of nothing starts' restart_of_nothing_starts
  it 'stop leaves nothing, once more' stop_leaves_nothing
}
exposed() { it 'an exposed address is taken with --insecure and refused without' exposed_address_needs_insecure; }
failing() {
  it 'a process that fails to start is named, with its log and its exit code' failing_process_is_named
}
unready() { it 'a process that does not get ready is named' unready_process_is_named; }

# What has to wait 15 s for the product runs beside everything else.
everything_else() {
  usage # first: it looks whether anything is created
  reload
  restart
  exposed
  failing
}

at_once everything_else unready
finish
