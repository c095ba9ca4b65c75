#!/usr/bin/env bash
# Builds what the attacks need (dev preset), and runs them: tests/hostile/run.sh [--long] [ATTACK]…
# See README.md here, and --help.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [[ " $* " != *' -h '* && " $* " != *' --help '* && " $* " != *' --list '* && " $* " != *' --bin'* ]]; then
  (
    cd "$here/../.."
    [[ -f build/dev/build.ninja ]] || cmake --preset dev
    cmake --build --preset dev --target hostile_client hostile_bystanders channel_probe channel_service ws_edge
  ) >&2
fi
exec python3 -B "$here/hostile.py" "$@"
