#!/usr/bin/env bash
# Builds what the bench needs (release preset) and runs it: tests/bench/run.sh --quick [--only NAME]
# [--json FILE]. See README.md here, and --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=1
for argument in "$@"; do
  case $argument in
    -h | --help | --bin | --bin=*) build=0 ;;  # nothing to build, or built elsewhere
  esac
done
if ((build)); then
  [[ -f build/release/build.ninja ]] || cmake --preset release >&2
  cmake --build --preset release --target channel_bench >&2
fi
exec python3 -B tests/bench/bench.py "$@"
