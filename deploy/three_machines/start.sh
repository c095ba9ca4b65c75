#!/usr/bin/env bash
# start.sh N: starts on machine N (1, 2 or 3) a nats-server of the cluster, a channel_service and
# edges, and returns at once. They get ready by themselves: the first time when all three machines
# run, later when two do; status.sh N tells.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/settings.sh"
use_machine "$@"
exec "$ctl" start -d
