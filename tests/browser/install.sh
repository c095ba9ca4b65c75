#!/usr/bin/env bash
# Installs playwright-core and typescript once, also when two tests come at the same time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec {lock}<package-lock.json
flock "$lock"
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  npm ci --no-audit --no-fund
  touch node_modules/.package-lock.json
fi
