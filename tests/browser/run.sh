#!/usr/bin/env bash
# The chat page and the seed's snippet in a real Chromium. Installs playwright-core on the first run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  npm ci --no-audit --no-fund
  touch node_modules/.package-lock.json
fi
exec npm test
