#!/usr/bin/env bash
# The edge and the channel service execute no more user-space instructions per delivery than the
# stored figures say (instructions.json, and what instructions.py allows). Arguments go to
# instructions.py. Builds the release preset's programs if they are not up to date: about as long as
# a first build takes, otherwise a second. --build-only does no more than that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! command -v valgrind >/dev/null; then
  echo 'NOT RUN: valgrind is not installed (deploy/install_deps.sh --tests)'
  exit 77
fi

mkdir -p build
exec {build_lock}>build/release.lock
flock "$build_lock" # tests/run.sh may build them at this moment
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release --target bench_swarm bench_publisher channel_service ws_edge
exec {build_lock}>&-
[[ ${1-} != --build-only ]] || exit 0
exec python3 -B tests/bench/instructions.py "$@"
