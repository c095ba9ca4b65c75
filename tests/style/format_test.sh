#!/usr/bin/env bash
# Every C++ and proto source is as clang-format 14 writes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
format=$(command -v clang-format-14 || true)
if [[ -z $format ]]; then
  echo "NOT RUN: clang-format-14 is not installed (deploy/install_deps.sh --tests installs it)"
  exit 77
fi
mapfile -t files < <(git ls-files '*.h' '*.cc')
if ! "$format" --dry-run --Werror "${files[@]}"; then
  echo "not formatted; run: git ls-files '*.h' '*.cc' | xargs clang-format-14 -i"
  exit 1
fi
echo "${#files[@]} files are formatted"
