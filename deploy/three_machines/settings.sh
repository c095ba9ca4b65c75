# shellcheck shell=bash
# Turns machines.env (or the file that CHANNEL_MACHINES names) into the settings of channelctl on one
# of the three machines. Sourced by start.sh, stop.sh and status.sh.

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
readonly here
readonly ctl=${here%/*}/channelctl

# The three addresses with port $1, that of machine $machine first; $2 comes before each.
all_machines() {
  local i name text=''
  for i in 0 1 2; do
    name=MACHINE_$(((machine - 1 + i) % 3 + 1))
    text+=${text:+,}${2-}${!name}:$1
  done
  printf '%s' "$text"
}

# use_machine N: exports what channelctl reads.
use_machine() {
  local own others
  if [[ $# != 1 || ! $1 =~ ^[123]$ ]]; then
    printf 'usage: %s 1, 2 or 3: which machine this is\n' "$0" >&2
    exit 64
  fi
  machine=$1
  # shellcheck source=machines.env
  source "${CHANNEL_MACHINES:-$here/machines.env}"
  own=MACHINE_$machine
  others=$(all_machines "$GRPC_PORT")
  export CHANNEL_RUN_DIR=$RUN_DIR/$machine CHANNEL_EDGES=$EDGES CHANNEL_ENGINE=nats CHANNEL_NODES=1 \
    CHANNEL_WS_LISTEN=${!own}:$WS_PORT CHANNEL_GRPC_LISTEN=${!own}:$GRPC_PORT \
    CHANNEL_ADMIN_LISTEN=127.0.0.1:$ADMIN_PORT CHANNEL_CHANNELS=${others#*,} \
    CHANNEL_NATS_LISTEN=${!own}:$NATS_PORT CHANNEL_NATS_CLUSTER_LISTEN=${!own}:$NATS_CLUSTER_PORT
  CHANNEL_NATS_URL=$(all_machines "$NATS_PORT" nats://)
  CHANNEL_NATS_ROUTES=$(all_machines "$NATS_CLUSTER_PORT")
  export CHANNEL_NATS_URL CHANNEL_NATS_ROUTES
  # Machine 1 cannot be ready before machine 2 runs, so the start waits for nobody.
  export CHANNEL_READY_TIME=${CHANNEL_READY_TIME:-0} CHANNEL_INSECURE=yes \
    CHANNEL_SERVICE_FLAGS="--nats_replicas=3 ${CHANNEL_SERVICE_FLAGS-}"
}
