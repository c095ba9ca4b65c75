#!/usr/bin/env bash
# Builds what the bench needs (release preset), installs what it compares with, and runs it:
# tests/bench/run.sh [--quick|--full] [--only NAME]... See README.md here, and --help.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

python=/usr/bin/python3 # Debian's own has Debian's matplotlib
[[ -x $python ]] || python=python3

bench() { "$python" -B "$here/bench.py" "$@"; }  # in the caller's folder: --json FILE

[[ " $* " != *' -h '* && " $* " != *' --help '* ]] || exec "$python" -B "$here/bench.py" --help
needs=$(bench --needs "$@")  # also refuses wrong flags, before anything is built
if [[ $needs == *build* ]]; then
  (
    cd "$here/../.."
    [[ -f build/release/build.ninja ]] || cmake --preset release
    cmake --build --preset release --target channel_bench
  ) >&2
fi
if [[ $needs == *peers* ]]; then
  "$here/peers/install.sh" >&2 || {
    echo 'tests/bench/run.sh: --without-peers measures without them' >&2
    exit 69
  }
fi
exec "$python" -B "$here/bench.py" "$@"
