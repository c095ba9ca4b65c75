#!/usr/bin/env bash
# Makes what a full run needs later, beside tests: they wait more than they compute. It gets a core only
# while nothing else wants one, so no test is late because of it.
# Usage: ahead.sh WORK…, in a session of its own; WORK is one of
#   release  the programs that bench.instructions counts
#   asan     everything of this preset
#   tidy     the test tidy of the preset dev
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
chrt --idle --pid 0 $$ || renice -n 19 -p $$ >/dev/null
# Where each session has its share of the cores (sched(7), autogroup), a deployment under test has another.
{ echo 19 >/proc/self/autogroup; } 2>/dev/null || true

for work in "$@"; do
  case $work in
    release) bash tests/bench/instructions_test.sh --build-only || true ;; # the test tells why
    asan) cmake --preset asan && cmake --build --preset asan --parallel "$(nproc)" ;;
    tidy) bash tests/style/tidy.sh "$PWD/build/dev" ;;
    *) printf 'ahead.sh: unknown work %s\n' "$work" >&2 && exit 64 ;;
  esac
done
