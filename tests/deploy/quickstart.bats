#!/usr/bin/env bats
# deploy/quickstart.sh and install_deps.sh. Builds the preset that CHANNEL_BIN_DIR belongs to; nothing else meanwhile.
load support

preset=${bin_dir#"$root/build/"}
preset=${preset%/bin}
quickstart() { run "-$1" timeout 900 "$root/deploy/quickstart.sh" "${@:2}" </dev/null; } # quickstart EXIT_CODE ARGUMENT…
needs_a_preset() { [[ $preset =~ ^[a-z]+$ ]] || skip 'it runs what is in build/PRESET/bin only'; }
names_grpcurl() { says "grpcurl -plaintext .* 127.0.0.1:$grpc_port channel.v1.ChannelService/Publish"; }

# Where namespaces are not allowed, that it says so is all that can be seen.
@test 'install_deps.sh has nothing to do and needs no network' {
  if unshare -n true; then run_for 0 unshare -n "$root/deploy/install_deps.sh"; else run_for 0 "$root/deploy/install_deps.sh"; fi
  not says Installing
  run_for 64 "$root/deploy/install_deps.sh" --frob
  one_line
}
@test 'quickstart.sh checks its arguments' {
  local wrong
  quickstart 0 --help
  says 'edges'
  for wrong in '--edges 1' '--preset ../x' '--engine paper' '--nodes 2' --frob; do
    quickstart 64 $wrong # shellcheck disable=SC2086 # words
    one_line
  done
}
@test 'quickstart.sh builds, starts and proves the pair, and the line that it ends with works' {
  needs_a_preset
  quickstart 0 --preset "$preset" --edges 2
  says '^ok$'
  says "^Chat in a browser: +http://127.0.0.1:$ws_port/\?group=123"
  names_grpcurl
  says 'Stop: .*channelctl stop'
  run_for 0 bash -c "$(sed -n 's/^From a back end: *//p' <<<"$output")"
  says '"position"'
}
@test 'quickstart.sh uses what runs' {
  needs_a_preset
  local edge
  edge=$(pid_of edge-1)
  quickstart 0 --preset "$preset"
  says 'It runs already and is well'
  says '^ok$'
  [[ $(pid_of edge-1) == "$edge" ]]
}
# From the pair that runs: it is started again with the other engine.
@test 'quickstart.sh --engine nats starts again and proves each node' {
  needs_a_preset
  local -x CHANNEL_NATS_LISTEN=127.0.0.1:$spare_port CHANNEL_SERVICE_FLAGS=--nats_bytes_max=67108864
  quickstart 0 --preset "$preset" --engine nats --nodes 2
  says 'It runs with engine memory, 1 nodes and 2 edges: restarting'
  says "^through 127.0.0.1:$grpc_port:"
  says "^through 127.0.0.1:$((grpc_port + 10)):"
  says '^ok$'
  names_grpcurl
  says '^Acknowledged means: '
  lives "$(pid_of nats)"
}
@test 'stop ends what quickstart.sh started' {
  needs_a_preset
  stop_leaves_nothing
}
