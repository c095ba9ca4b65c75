#!/usr/bin/env bats
# Every C++ source is as clang-format 14 writes it.
load sources

@test 'each source is formatted' {
  format=$(command -v clang-format-14 || command -v "$PWD/build/tools/clang-format-14") ||
    skip 'clang-format 14 is not installed (deploy/install_deps.sh --tests installs it)'
  find_sources channel_service ws_edge tests
  echo "to format them: $format -i FILE…"
  "$format" --dry-run --Werror "${files[@]}"
}
