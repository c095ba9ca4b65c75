#!/usr/bin/env bash
# clang-tidy on the product's sources; what was clean before and has not changed is not looked at again.
# Usage: tidy.sh BUILD_DIR (with compile_commands.json)
set -euo pipefail
build=$1
# shellcheck source=sources.bash
source "$(dirname "${BASH_SOURCE[0]}")/sources.bash"
tidy=$(command -v clang-tidy || true)
if [[ -z $tidy ]]; then
  echo "NOT RUN: clang-tidy is not installed (deploy/install_deps.sh --tests installs it)"
  exit 77
fi
cache=$build/tidy-cache
mkdir -p "$cache"
find_sources channel_service ws_edge
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cc$')
# A file is clean until it, a header of ours, the configuration, or clang-tidy changes.
common=$({ printf '%s\n' "${files[@]}" | grep '\.h$' | xargs cat "${BASH_SOURCE[0]}" .clang-tidy proto/*/*/*.proto && "$tidy" --version; } | sha256sum)
check() {
  local file=$1 stamp
  stamp=$cache/$( (cat "$file" && printf '%s' "$common $file") | sha256sum | cut -d' ' -f1)
  [[ -e $stamp ]] && return 0
  # GCC's flags are not all known to clang. The analyzer follows calls to small functions only: following all of them takes
  # as long as everything else.
  "$tidy" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option --extra-arg=-Xclang --extra-arg=-analyzer-config \
    --extra-arg=-Xclang --extra-arg=mode=shallow "$file" 2>"$stamp.err" && mv "$stamp.err" "$stamp" && return
  cat "$stamp.err" && return 1
}
export -f check
export tidy build cache common
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check {}'
echo "${#sources[@]} files are clean"
