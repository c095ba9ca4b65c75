# shellcheck shell=bash
# The nats-server of --engine nats: whether there is one of ours, its configuration, how it is.
# Sourced by channelctl.
#
# It is one server that is alone, or the member of a cluster (--nats_cluster_listen). Its data
# is below the run directory and stays there when it ends. Nobody must say who he is to it: it
# belongs on a loopback address or into a network of servers only.

readonly NATS_CLUSTER=channel # all members say the same

# With --nats_url the servers are somebody else's, unless a member of their cluster is to be ours.
starts_nats() {
  [[ $engine == nats && (-z $nats_url$nats_url_file || -n $nats_cluster_listen) ]]
}

# The file with the URL that a channel_service connects to. It may hold a password, which a command
# line would show to everybody.
service_nats_url_file() { printf '%s' "${nats_url_file:-$run_dir/nats_url}"; }

write_nats_url() {
  [[ -n $nats_url_file ]] ||
    write_file "$run_dir/nats_url" "${nats_url:-nats://$(reachable "$nats_listen")}"
}

# Health and figures of the nats-server.
nats_monitor() { printf '127.0.0.1:%d' $((10#$(port_of "$nats_listen") + 1)); }

# Prints where the program is; fails when it is not there. Debian has it where only root looks.
nats_program() (
  PATH+=:/usr/local/sbin:/usr/sbin
  type -P -- "${nats_server:-nats-server}"
)

# A cluster of older servers can lose or repeat what it acknowledged when one of them is lost.
warn_of_old_cluster() {
  local version
  [[ -n $nats_cluster_listen ]] || return 0
  version=$("$(nats_program)" --version) || return 0
  [[ $version =~ v([0-9]+)\.([0-9]+) ]] || return 0
  ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= 2010)) ||
    warn "$version: a cluster wants 2.10 (see deploy/README.md, --nats_server)"
}

# '"nats-route://A", "nats-route://B"' from "A,B".
quote_routes() {
  local route routes text=''
  IFS=, read -ra routes <<<"$1" || true
  for route in "${routes[@]}"; do text+=${text:+, }\"nats-route://$route\"; done
  printf '%s' "$text"
}

# Paths in it are those seen from the run directory, where the server runs.
write_nats_config() {
  local lines=(
    "# Written by channelctl at each start."
    "listen: \"$nats_listen\""
    "http: \"$(nats_monitor)\""
    'jetstream { store_dir: "nats" }'
    # A peer that is cut off is noticed in seconds; after NATS's own four minutes, once it is back, the
    # two would wait for each other on dead connections.
    'ping_interval: "2s"'
    'ping_max: 2'
    'write_deadline: "2s"'
  )
  if [[ -n $nats_cluster_listen ]]; then
    lines+=(
      # Its peers know what it stores by this name.
      "server_name: \"$NATS_CLUSTER-$nats_cluster_listen\""
      "cluster {"
      "  name: \"$NATS_CLUSTER\""
      "  listen: \"$nats_cluster_listen\""
      "  routes: [$(quote_routes "$nats_routes")]"
      "}"
    )
  fi
  mkdir -p -- "$run_dir/nats"
  write_file "$run_dir/nats/nats.conf" "${lines[@]}"
}

# Prints what process $1 is asked for on its admin address, to know that it lives. While nats-server reads
# what it stored, or has no quorum, it is not well, but must not be killed for that.
liveness_path() { if [[ $1 == nats ]]; then printf '/'; else printf '/healthz'; fi; }

# … that it is well.
readiness_path() { if [[ $1 == nats ]]; then printf '/healthz'; else printf '/readyz'; fi; }

# … that others can start. A member of a cluster may have to wait for its peers; services do too.
start_path() {
  if [[ $1 == nats ]]; then printf '/healthz?js-enabled-only=true'; else printf '/readyz'; fi
}

# … for its figures.
metrics_path() { if [[ $1 == nats ]]; then printf '/varz'; else printf '/metrics'; fi; }

# The first number that is called $1 in the JSON on standard input.
json_number() { sed -n "/\"$1\": *[0-9]/ { s/.*\"$1\": *\\([0-9]*\\).*/\\1/p; q }"; }
