#!/usr/bin/env bash
# Every C++ source is as clang-format 14 writes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=sources.sh
source tests/style/sources.sh
format=$(command -v clang-format-14 || command -v "$PWD/build/tools/clang-format-14" || true)
if [[ -z $format ]]; then
  echo "NOT RUN: clang-format 14 is not installed (deploy/install_deps.sh --tests installs it)"
  exit 77
fi
find_sources channel_service ws_edge tests
if ! "$format" --dry-run --Werror "${files[@]}"; then
  echo "not formatted; run: $format -i FILE…"
  exit 1
fi
echo "${#files[@]} files are formatted"
