#!/usr/bin/env bats
# deploy/channelctl: flags and their refusal, reload, restart, and starts that cannot succeed.
load support

# First: these look whether anything is created.
@test 'bad usage is refused with one line and 64' {
  local line words
  while IFS= read -r line; do
    read -ra words <<<"$line"
    is_bad_usage "${words[@]}"
  done <<'COMMANDS'

fly
start stop
start --edges 0
start --edges
start --edges two
start --edges 513
start --sails 3
start -x
start -g
stop -d
status -f
start --ws_listen 1234
start --ws_listen 127.0.0.1:0
start --ws_listen 127.0.0.1:65536
start --ws_listen 127.0.0.1:2206 --grpc_listen 127.0.0.1:2206
reload --log_level loud
start --edge_flags --name=mine
start --drain_time 5m
start --insecure=perhaps
start --allowed_origins=*
COMMANDS
  says 'go into --service_flags or --edge_flags'
  [[ ! -e $run_dir ]]
}
@test 'help names every command and variable' {
  local word
  ctl 0 --help
  for word in start stop restart reload status connections logs CHANNEL_EDGES CHANNEL_WS_LISTEN \
    CHANNEL_GRPC_LISTEN CHANNEL_ADMIN_LISTEN CHANNEL_RUN_DIR CHANNEL_ENGINE CHANNEL_INSECURE CHANNEL_SERVICE_FLAGS \
    CHANNEL_EDGE_FLAGS CHANNEL_BIN_DIR; do
    says "$word"
  done
}
@test 'when nothing runs, that is said and nothing is created' {
  local command
  ctl 0 stop
  says '^Nothing to stop'
  for command in status reload connections logs; do ctl 3 $command; done
  ctl 3 status
  says '^Nothing runs'
  [[ ! -e $run_dir ]]
}
@test 'missing programs are named' {
  ctl 69 start -d --bin_dir "$scratch/nowhere"
  one_line
  says "no program channel_service in $scratch/nowhere"
  [[ ! -e $run_dir ]]
}
refuses_run_dir() { # COMMAND RUN_DIR [SAYS]
  ctl 73 $1 --run_dir "$2" # shellcheck disable=SC2086 # words
  one_line
  says "${3-}"
}
@test 'a run directory that is not private or not writable is refused' {
  : >"$scratch/file"
  mkdir -m 755 "$scratch/open"
  ln -s "$scratch" "$scratch/link"
  refuses_run_dir 'start -d' "$scratch/file/run" 'Not a directory'
  refuses_run_dir 'start -d' "$scratch/file" 'not a directory'
  refuses_run_dir 'start -d' "$scratch/open" 'open to others .mode 755.'
  refuses_run_dir status "$scratch/link"
  refuses_run_dir 'start -d' /proc/channel
}

# --- reload ---------------------------------------------------------------------------------------

reloads() {
  local name
  for name in channel-1 edge-1 edge-2; do
    get "$(admin_of $name)/metrics" | awk '/^channel_reloads_total/ { print $NF }'
  done
}
@test 'reload is confirmed by every process' {
  local before after i
  starts
  mapfile -t before < <(reloads)
  ctl 0 reload --log_level debug
  says '^Reloaded 3 processes; log level debug'
  mapfile -t after < <(reloads)
  for i in 0 1 2; do ((after[i] == before[i] + 1)); done
  [[ $(<"$run_dir/log_level") == debug ]]
  ctl 0 reload --log_level info
}
@test 'reload fails when the processes do not accept the level' {
  echo loud >"$run_dir/log_level"
  ctl 1 reload
  says 'channel-1 did not confirm'
  says 'edge-2 did not confirm'
  ctl 0 reload --log_level info
}
@test 'stop leaves nothing after reloads either' { stop_leaves_nothing; }

# --- restart --------------------------------------------------------------------------------------

@test 'restart keeps the settings of the last start' {
  local old
  starts
  old=$(pid_of edge-1)
  run_for 0 env -i PATH="$PATH" "$ctl" restart -d --run_dir "$run_dir"
  says "websocket://127.0.0.1:$ws_port +2 +\[OK\]"
  [[ $(pid_of edge-1) != "$old" ]]
  all_gone "$old"
  ctl 0 status
  says '^edge-1 .* 0 +up'
}
@test 'restart without programs changes nothing' {
  ctl 69 restart -d --bin_dir "$scratch/nowhere"
  ctl 0 status
}
@test 'restart takes new settings' {
  ctl 0 restart -d --edges 3
  says ' 3 +\[OK\]'
  ctl 0 status
  says '^edge-3 '
}
@test 'stop leaves nothing after restarts either' { stop_leaves_nothing; }
@test 'restart of nothing starts' {
  ctl 0 restart -d
  ctl 0 status
  stop_leaves_nothing
}
# The way out that the refusal of an exposed address names is one that channelctl takes, and so are
# the values that the programs' own flags have.
@test 'an exposed address is taken with --insecure and refused without' {
  local name
  ctl 78 start -d --ws_listen "0.0.0.0:$ws_port"
  says 'say --insecure'
  stopped_clean
  ctl 0 start -d --ws_listen "0.0.0.0:$ws_port" --grpc_listen "0.0.0.0:$grpc_port" --insecure --drain_time=3s
  for name in channel-1 edge-1 edge-2; do
    tr '\0' '\n' <"/proc/$(pid_of $name)/cmdline" >"$scratch/words"
    grep -qx -- --insecure "$scratch/words"
    grep -qx -- --drain_time=3s "$scratch/words"
  done
  local -x CHANNEL_WS_LISTEN=0.0.0.0:$ws_port # restart takes what the environment says
  ctl 0 restart -d
  says "websocket://0.0.0.0:$ws_port"
  ctl 0 stop
  CHANNEL_INSECURE=yes run_for 0 "$ctl" start -d
  ctl 78 restart -d --insecure=no
  stopped_clean
}

# --- starts that cannot succeed -------------------------------------------------------------------

@test 'a process that fails to start is named, with its log and its exit code' {
  ctl 64 start -d --edge_flags '--no_such_flag=1'
  says 'start failed: edge-[12] exited with 64'
  says 'no_such_flag'
  ctl 3 status
  stopped_clean
  ctl 64 start --edge_flags '--no_such_flag=1'
  says 'no_such_flag'
  stopped_clean
}
