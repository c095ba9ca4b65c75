#!/usr/bin/env bash
# The configurations of deploy/proxies in real proxies, with the tools of tests/browser.
set -euo pipefail
if [[ -n ${BIN_DIR:-} ]]; then BIN_DIR=$(realpath "$BIN_DIR"); export BIN_DIR; fi
cd "$(dirname "${BASH_SOURCE[0]}")"
../browser/install.sh
exec node --test --test-concurrency=1 proxies.test.mjs
