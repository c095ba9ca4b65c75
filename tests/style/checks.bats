#!/usr/bin/env bats
# The checks of style find what they look for, in a tree without git, and fail where nothing is to check.
bats_require_minimum_version 1.5.0

setup() {
  tree=$BATS_TEST_TMPDIR one=$BATS_TEST_TMPDIR/channel_service/one.cc
  mkdir -p "$tree"/{bin,build/tools,channel_service/base,ws_edge,tests/style,proto/channel/v1}
  cp "$BATS_TEST_DIRNAME"/* "$tree/tests/style/"
  cp "$BATS_TEST_DIRNAME"/../../.clang-{format,tidy} "$tree/"
  ln -s "$BATS_TEST_DIRNAME"/../../build/tools/* "$tree/build/tools/" || true
  # Where git is installed, it must not be what finds the files.
  printf '#!/bin/sh\nexit 127\n' >"$tree/bin/git"
  chmod +x "$tree/bin/git"
}
write_sources() {
  printf '// A file.\nint One() { return 1; }\n' >"$one"
  printf '// A file.\n#pragma once\n' | tee "$tree/ws_edge/two.h" >"$tree/channel_service/base/three.h"
  : >"$tree/proto/channel/v1/empty.proto"
  echo '[{"directory": "'"$tree"'", "file": "'"$one"'", "command": "c++ -c '"$one"'"}]' >"$tree/build/compile_commands.json"
}
# check CODE TEXT COMMAND…: what a check ends with in the tree, and says; once there is something to check it with.
check() {
  PATH=$tree/bin:$PATH run "-$1" "${@:3}"
  if [[ $output == *' # skip '* ]]; then skip "${output#* # skip }"; fi
  [[ $output == *"$2"* ]]
}
style() { check "$1" "$2" bats --tap "$tree/tests/style/$3.bats"; }
tidy() { if command -v clang-tidy; then check "$1" "$2" bash "$tree/tests/style/tidy.sh" build; fi; }

@test 'a check that finds nothing to check fails' {
  style 1 'found no *.h and no *.cc to check' layering
  tidy 1 'found no *.h and no *.cc to check'
  style 1 'found no *.h and no *.cc to check' format
}
@test 'layering fails for a part that is not there, an arrow that runs up, a circle, and sockets' {
  write_sources
  style 1 'channel_service/model is listed in layers.py and does not exist' layering
  [[ $output == *'one.'"cc is of no part that layers.py lists"* ]]
  mkdir -p "$tree/channel_service/model" "$tree/ws_edge/groups"
  echo '#include "channel_service/base/'three.h'"' >"$tree/channel_service/model/four.h"
  echo '#include "channel_service/model/'four.h'"' >"$tree/channel_service/base/three.h"
  echo '#include <boost/asio/post.hpp>' >"$tree/ws_edge/groups/five.h"
  style 1 'channel_service/base may not use channel_service/model' layering
  [[ $output == *'a circle: '* && $output == *'groups/five.h reaches <boost/asio/post.hpp>'* ]]
}
@test 'tidy passes a clean source, and tells what is wrong with another' {
  write_sources
  tidy 0 '1 files are clean'
  printf 'int Two() { return *(int*)0; }\n' >"$one"
  tidy 123 'one.cc:1'
  printf 'int wrong_case() { return 1; }\n' >"$one"
  tidy 123 "invalid case style for function 'wrong_case'"
  (echo 'int Long() {' && seq -f '  // Line %g.' 80 && echo '  return 1; }') >"$one"
  tidy 123 "function 'Long' exceeds"
}
@test 'format passes formatted sources, and tells what is not' {
  write_sources
  style 0 'ok 1' format
  printf 'int   Two( ) {return 2;}\n' >"$one"
  style 1 'one.cc:1' format
}
@test 'documents are told what they name that is not there' {
  mkdir -p "$tree/documents/ws_edge"
  printf '# A title\n[one](#a-title) [two](%s) [three](#b) `%s` `%s`\n' two.md README.md ws_edge/'four.h' >"$tree/documents/README.md"
  printf '// See %s and README.md.\n' nine'.h' >"$tree/documents/ws_edge/two.h"
  check 1 'README.md:2: ' python3 -B "$tree/tests/style/documents.py" "$tree/documents"
  [[ $output == "README.md:2: ws_edge/"'four.h is not there
README.md:2: two.md is not there
README.md:2: #b is not there
ws_edge/'"two.h:1: nine.h is not there" ]]
}
