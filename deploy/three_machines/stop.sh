#!/usr/bin/env bash
# stop.sh N: ends what start.sh N started on this machine; exit code 0 only if nothing is left.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/settings.sh"
use_machine "$@"
exec "$ctl" stop
