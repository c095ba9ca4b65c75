#!/usr/bin/env bash
# The checks of style find what they look for, in a tree without git, and fail where nothing is to check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tree=$(mktemp -d)
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree/tests/style" "$tree/build/tools"
cp ./*_test.sh tidy.sh sources.sh "$tree/tests/style/"
cp ../../.clang-format ../../.clang-tidy "$tree/"
[[ ! -d ../../build/tools ]] || ln -s "$(realpath ../../build/tools)"/* "$tree/build/tools/"
failed=0

# expect CODE TEXT CHECK ARGUMENT…: what the check ends with in the tree, and says.
expect() {
  local code=0 out
  out=$(PATH=$tree/bin:$PATH bash "$tree/tests/style/$3" "${@:4}" 2>&1) || code=$?
  if ((code == 77)); then echo "$out" && exit 77; fi
  [[ $code != "$1" || $out != *"$2"* ]] || return 0
  printf 'FAILED: %s ended with %s instead of %s, or did not say "%s":\n%s\n' "$3" "$code" "$1" "$2" "$out"
  failed=1
}

# Where git is installed, it must not be what finds the files.
mkdir "$tree/bin"
printf '#!/bin/sh\nexit 127\n' >"$tree/bin/git" && chmod +x "$tree/bin/git"

for folder in channel_service ws_edge tests proto/channel/v1; do mkdir -p "$tree/$folder"; done
for check in format_test.sh layering_test.sh 'tidy.sh build'; do
  # shellcheck disable=SC2086 # two words
  expect 1 'found no *.h and no *.cc to check' $check
done

printf '// A file.\nint One() { return 1; }\n' >"$tree/channel_service/one.cc"
printf '// A file.\n#pragma once\n' >"$tree/ws_edge/two.h"
: >"$tree/proto/channel/v1/empty.proto"
printf '[{"directory": "%s", "file": "channel_service/one.cc", "command": "c++ -c channel_service/one.cc"}]\n' \
  "$tree" >"$tree/build/compile_commands.json"
mkdir "$tree/channel_service/base"
cp "$tree/ws_edge/two.h" "$tree/channel_service/base/three.h"
expect 0 '3 files are formatted' format_test.sh
expect 0 '1 files are clean' tidy.sh build
expect 1 'names channel_service/model, which does not exist' layering_test.sh

printf 'int   Two( ) {return *(int*)0;}\n' >"$tree/channel_service/one.cc"
expect 1 'one.cc:1' format_test.sh
expect 123 'one.cc:1' tidy.sh build
[[ $failed == 0 ]] && echo "the checks find what they look for"
exit $failed
