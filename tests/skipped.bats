#!/usr/bin/env bats
# skipped.sh lists everything that a run of ctest skipped, with its reason, and nothing else.

@test 'all that was skipped is listed, with its reason' {
  cd "$BATS_TEST_TMPDIR"
  cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(skipping NONE)
enable_testing()
add_test(NAME whole COMMAND bash -c "echo 'NOT RUN: no grpcurl here'; exit 77")
add_test(NAME silent COMMAND bash -c "exit 77")
set_tests_properties(whole silent PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME absent COMMAND ${CMAKE_BINARY_DIR}/absent)
add_test(NAME fine COMMAND bash -c "echo ok 1 - all")
add_test(NAME tap COMMAND bats --tap ${CMAKE_SOURCE_DIR}/tap.bats)
add_test(NAME google COMMAND bash ${CMAKE_SOURCE_DIR}/google)
add_test(NAME python COMMAND bash ${CMAKE_SOURCE_DIR}/python)
add_test(NAME node COMMAND bash ${CMAKE_SOURCE_DIR}/node)
CMAKE
  # bats would take a line that begins with @test for one of its own.
  printf "@test '%s' { %s; }\n" one true two "skip 'no network'" three "skip 'no server'" four "skip 'no server'" >tap.bats
  cat >node <<'NODE'
echo 'ok 2 - two # SKIP no network
    ok 3 - three # SKIP'
NODE
  cat >google <<'GOOGLE'
echo '[ RUN      ] Suite.One
one.cc:2: Skipped
no namespaces
[  SKIPPED ] Suite.One (0 ms)
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] Suite.One'
GOOGLE
  cat >python <<'PYTHON'
echo 'Ran 1 test in 0.009s
OK (skipped=1)'
PYTHON
  cat >expected <<'EXPECTED'
absent: it could not be started, see above
google: Suite.One (no namespaces)
node: three
node: two (no network)
python: OK (skipped=1)
silent: it gives no reason
tap: 2 tests (no server)
tap: two (no network)
whole: no grpcurl here
EXPECTED
  cmake -G Ninja -B build . >/dev/null
  (cd build && ctest) >output 2>&1 || true
  LC_ALL=C diff expected <("$BATS_TEST_DIRNAME/skipped.sh" build/Testing/Temporary/LastTest.log output | LC_ALL=C sort)
}
