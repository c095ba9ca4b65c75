#!/usr/bin/env bash
# status.sh N: what runs on machine N; exit code 0 only if every process of it is ready.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/settings.sh"
use_machine "$@"
exec "$ctl" status
