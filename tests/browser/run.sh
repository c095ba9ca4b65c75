#!/usr/bin/env bash
# The browser client by itself, and the chat page and the seed's snippet in a real Chromium. Installs
# playwright-core and typescript on the first run.
set -euo pipefail
if [[ -n ${BIN_DIR:-} ]]; then BIN_DIR=$(realpath "$BIN_DIR"); export BIN_DIR; fi
cd "$(dirname "${BASH_SOURCE[0]}")"
./install.sh
exec npm test
