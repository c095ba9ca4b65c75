#!/usr/bin/env bash
# deploy/quickstart.sh and install_deps.sh. Builds the preset that CHANNEL_BIN_DIR belongs to.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# Where namespaces are not allowed, that it says so is all that can be seen.
install_deps_has_nothing_to_do() {
  run unshare -n "$root/deploy/install_deps.sh"
  if [[ $out == unshare:* ]]; then run "$root/deploy/install_deps.sh"; fi
  exits 0 && ! says Installing || return 1
  run "$root/deploy/install_deps.sh" --frob && exits 64 && one_line
}
quickstart_checks_its_arguments() {
  run "$root/deploy/quickstart.sh" --help && exits 0 && says 'edges' &&
    run "$root/deploy/quickstart.sh" --edges 1 && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --preset ../x && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --engine paper && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --nodes 2 && exits 64 && one_line &&
    run "$root/deploy/quickstart.sh" --frob && exits 64 && one_line
}

quickstart_proves_the_pair() {
  code=0
  out=$(timeout 900 "$root/deploy/quickstart.sh" --preset "$preset" --edges 2 2>&1 </dev/null) || code=$?
  exits 0 && says '^ok$' && says "^Chat in a browser: +http://127.0.0.1:$ws_port/\?group=123" &&
    says "grpcurl -plaintext .* 127.0.0.1:$grpc_port channel.v1.ChannelService/Publish" &&
    says 'Stop: .*channelctl stop' && quickstart_said_how_to_publish "$out"
}
# The line that it ends with works as it stands.
quickstart_said_how_to_publish() {
  local line
  line=$(sed -n 's/^From a back end: *//p' <<<"$1")
  run bash -c "$line" && exits 0 && says '"position"'
}
quickstart_uses_what_runs() {
  local edge
  edge=$(pid_of edge-1)
  code=0
  out=$(timeout 900 "$root/deploy/quickstart.sh" --preset "$preset" 2>&1 </dev/null) || code=$?
  exits 0 && says 'It runs already and is well' && says '^ok$' && [[ $(pid_of edge-1) == "$edge" ]]
}

# From the pair that runs: it is started again with the other engine.
quickstart_proves_two_nodes_on_nats() {
  code=0
  out=$(CHANNEL_NATS_LISTEN=127.0.0.1:$spare_port CHANNEL_SERVICE_FLAGS=--nats_bytes_max=67108864 \
    timeout 900 "$root/deploy/quickstart.sh" --preset "$preset" --engine nats --nodes 2 2>&1 </dev/null) || code=$?
  exits 0 && says 'It runs with engine memory, 1 nodes and 2 edges: restarting' &&
    says "^through 127.0.0.1:$grpc_port:" && says "^through 127.0.0.1:$((grpc_port + 10)):" && says '^ok$' &&
    says "grpcurl -plaintext .* 127.0.0.1:$grpc_port channel.v1.ChannelService/Publish" &&
    says '^Acknowledged means: ' && [[ -n $(pid_of nats) ]]
}

# In this order, and nothing else meanwhile: a build is at work.
quickstart() {
  it 'install_deps.sh has nothing to do and needs no network' install_deps_has_nothing_to_do
  it 'quickstart.sh checks its arguments' quickstart_checks_its_arguments
  if [[ $preset =~ ^[a-z]+$ ]]; then
    it 'quickstart.sh builds, starts and proves the pair' quickstart_proves_the_pair
    it 'quickstart.sh uses what runs' quickstart_uses_what_runs
    it 'quickstart.sh --engine nats starts again and proves each node' quickstart_proves_two_nodes_on_nats
    it 'stop ends what quickstart.sh started' stop_leaves_nothing
  else
    skip 'quickstart.sh builds, starts and proves the pair' 'it runs what is in build/PRESET/bin only'
  fi
}

preset=${bin_dir#"$root/build/"}
preset=${preset%/bin}
at_once quickstart
finish
