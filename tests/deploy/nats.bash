# shellcheck shell=bash
# Two nodes on NATS: `load nats`, after support.
PATH+=:/usr/sbin # where Debian has nats-server, also for who is not root
setup() { command -v nats-server || skip 'nats-server is not installed: deploy/install_deps.sh --nats'; }

# other_port is that of its monitoring, which is the one above; node 2 is ten ports above node 1.
set_up_deployment() {
  export CHANNEL_ENGINE=nats CHANNEL_NODES=2 CHANNEL_NATS_LISTEN=127.0.0.1:$spare_port \
    CHANNEL_SERVICE_FLAGS=--nats_bytes_max=67108864 second_grpc_port=$((grpc_port + 10))
}
each_node_reaches_both_edges() {
  local port
  for port in $grpc_port $second_grpc_port; do
    probe 0 "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$port" --clients=2
    says 'reached 2 clients on edge-1, edge-2'
  done
}
