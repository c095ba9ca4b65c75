#!/usr/bin/env bats
# tests/run.sh --all in a tree whose builds and tests are played: what is made ahead, and what fails.
bats_require_minimum_version 1.5.0

# play FILE LINE…: a program of the tree. It knows the events so far, and `until_event`, which has 60 s.
play() {
  local file=$tree/$1
  cat >"$file" <<TEXT
#!/usr/bin/env bash
event() { echo "\$*" >>"$tree/events"; }
until_event() {
  local deadline=\$((SECONDS + 60))
  until grep -qx "\$1" "$tree/events"; do
    ((SECONDS < deadline)) || exit 99
    read -rt 0.1 <> <(:) || true
  done
}
TEXT
  printf '%s\n' "${@:2}" >>"$file"
  chmod +x "$file"
}
setup() {
  tree=$BATS_TEST_TMPDIR
  mkdir -p "$tree"/{deploy,bin,tests/{style,bench},build/{dev,asan}/Testing/Temporary}
  cp "$BATS_TEST_DIRNAME"/{run,ahead,skipped}.sh "$tree/tests/"
  touch "$tree"/build/{dev,asan}/Testing/Temporary/LastTest.log "$tree/events"
  play deploy/install_deps.sh ''
  play bin/cmake '[[ $* != *--build* ]] || event "built ${*: -1}"' '[[ $* != *"asan --parallel"* ]] || event "asan ahead"'
  play bin/ctest 'case $* in *"preset dev"*) until_event "asan ahead" ;; *) until_event tidy ;; esac' 'event "ctest $*"'
  play tests/bench/instructions_test.sh 'event "release $*, $(chrt --pid $$ | head -1), $(ps -o nice= -p $$)"'
  play tests/style/tidy.sh 'event tidy' 'echo "9 files are clean"'
}
teardown() { sed -n 's/^pid //p' "$tree/events" | xargs -r kill 2>/dev/null || true; }

# run_all CODE TEXT: what run.sh --all ends with and says.
run_all() {
  PATH=$tree/bin:$PATH run "-$1" timeout 300 bash "$tree/tests/run.sh" --all 3>&- 4>&-
  [[ $output == *"$2"* ]]
}

@test 'the preset asan is built before the tests of dev end, and tidy runs before those of asan end' {
  run_all 0 '9 files are clean'
  grep -E '^release --build-only, .*(SCHED_IDLE|, +19$)' "$tree/events"
  grep -E '^ctest --preset dev .* --exclude-regex \^tidy\$$' "$tree/events"
  grep -E '^ctest --preset asan --parallel [0-9]+$' "$tree/events"
}
@test 'what tidy finds fails the run' {
  play tests/style/tidy.sh 'event tidy' 'echo "one.cc:1: bugprone"' 'exit 123'
  run_all 123 'one.cc:1: bugprone'
}
@test 'that tidy could not run is said at the end' {
  play tests/style/tidy.sh 'event tidy' 'echo "NOT RUN: no clang-tidy"' 'exit 77'
  run_all 0 $'Not run here\e[0m\ntidy: no clang-tidy'
}
@test 'a build that fails ahead fails the run' {
  play bin/cmake '[[ $* != *asan* ]] || { event "asan ahead" && echo "two.cc:2: error" && exit 3; }'
  run_all 1 'two.cc:2: error'
}
@test 'nothing is left of the work ahead when tests fail' {
  local pid deadline=$((SECONDS + 60))
  play bin/cmake '[[ $* == *"asan --parallel"* ]] || exit 0' 'event "pid $$"' 'event "asan ahead"' 'exec tail -f /dev/null'
  play bin/ctest 'until_event "asan ahead"' 'exit 8'
  run_all 8 'Testing (dev)'
  pid=$(sed -n 's/^pid //p' "$tree/events")
  [[ -n $pid ]] # something was made ahead
  while [[ -d /proc/$pid ]] && ! grep -q '^State:.Z' "/proc/$pid/status"; do
    ((SECONDS < deadline))
    read -rt 0.1 <> <(:) || true
  done
}
