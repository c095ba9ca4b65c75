#!/usr/bin/env bats
# deploy/channelctl with --engine nats, and a NATS that is somebody else's.
load support
load nats

start_nats() { # more flags of nats-server; sets pid
  start_beside nats nats-server -a 127.0.0.1 -p "$spare_port" -js -sd "$scratch/store" "$@"
  soon listens_on "$spare_port"
}
secret='s3cret/word'
start_nats_with_password() { start_nats --user channel --pass "$secret"; }

@test 'a NATS that is given is used and left alone' {
  local pids
  local -x CHANNEL_NATS_URL=nats://127.0.0.1:$spare_port
  start_nats
  starts
  not says nats-server
  [[ ! -e $run_dir/pids/nats ]]
  ctl 0 status
  not says '^nats '
  mapfile -t pids < <(all_pids)
  each_node_reaches_both_edges
  ctl 0 stop
  not says nats
  all_gone "${pids[@]}"
  lives "$pid"
}
# Where a password may be: in files that only we can open. Nowhere else.
@test 'a password of NATS is shown nowhere' {
  local name file
  local -x CHANNEL_NATS_URL=nats://channel:s3cret%2Fword@127.0.0.1:$spare_port
  start_nats_with_password
  starts
  ctl 0 status
  not says s3cret
  all_live $(for name in channel-1 channel-2 edge-1 supervisor; do pid_of $name; done)
  for name in channel-1 channel-2 edge-1 supervisor; do not grep -az s3cret "/proc/$(pid_of $name)/cmdline"; done
  for name in channel-1 edge-1; do not grep -az s3cret "/proc/$(pid_of $name)/environ"; done
  for file in $(cd "$run_dir" && grep -rl s3cret .); do
    [[ $file == ./nats_url || $file == ./config ]]
    [[ $(stat -c %a -- "$run_dir/$file") == 600 ]]
  done
  ctl 0 stop
}
@test 'the URL of NATS is read from a file' {
  local file=$scratch/url
  start_nats_with_password
  is_bad_usage start -d --nats_url nats://127.0.0.1:1 --nats_url_file "$file"
  ctl 78 start -d --nats_url_file "$file"
  says "nats_url_file=$file: cannot be read"
  (umask 077 && printf 'nats://channel:s3cret%%2Fword@127.0.0.1:%s\n' "$spare_port" >"$file")
  ctl 0 start -d --nats_url_file "$file"
  ctl 0 restart -d --nats_url "$(<"$file")" # one replaces the other
  ctl 0 restart -d --nats_url_file "$file"
  ctl 0 stop
  printf 'nats://channel:another-secret@127.0.0.1:%s\n' "$spare_port" >"$file"
  ctl 69 start -d --ready_time 3 --nats_url_file "$file"
  says 'does not let this user in'
  not says another-secret
  not grep -r another-secret "$run_dir"
  stopped_clean
}
@test 'a NATS that cannot be reached is said' {
  local -x CHANNEL_NATS_URL=nats://127.0.0.1:$spare_port
  ctl 69 start -d --ready_time 15
  says 'start failed: channel-[12] exited with 69'
  says 'NATS cannot be reached'
  stopped_clean
}
