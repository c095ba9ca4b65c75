#!/usr/bin/env bash
# clang-tidy on the product's sources; what was clean before and has not changed is not looked at again.
# Usage: tidy_test.sh BUILD_DIR (with compile_commands.json)
set -euo pipefail
build=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tidy=$(command -v clang-tidy-14 || true)
if [[ -z $tidy ]]; then
  echo "NOT RUN: clang-tidy-14 is not installed (deploy/install_deps.sh --tests installs it)"
  exit 77
fi
cache=$build/tidy-cache
mkdir -p "$cache"
# A file is clean until it, a header of ours, or the configuration changes.
headers=$(git ls-files 'channel_service/*.h' 'ws_edge/*.h' 'proto/*.proto' .clang-tidy | xargs cat | sha256sum)
check() {
  local file=$1 stamp
  stamp=$cache/$( (cat "$file" && printf '%s' "$headers $file") | sha256sum | cut -d' ' -f1)
  [[ -e $stamp ]] && return 0
  # GCC's flags are not all known to clang.
  "$tidy" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option "$file" 2>/dev/null && touch "$stamp"
}
export -f check
export tidy build cache headers
mapfile -t files < <(git ls-files 'channel_service/*.cc' 'ws_edge/*.cc')
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check {}'
echo "${#files[@]} files are clean"
