#!/usr/bin/env bash
# tests/run.sh --all in a tree whose builds and tests are played: what is made ahead, and what fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tree=$(mktemp -d)
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree"/{deploy,bin,tests/{style,bench},build/{dev,asan}/Testing/Temporary}
cp run.sh ahead.sh skipped.sh "$tree/tests/"
touch "$tree"/build/{dev,asan}/Testing/Temporary/LastTest.log
failed=0

# play FILE LINE…: a program of the tree. It knows the events so far, and `until_event`, which has 60 s.
play() {
  local file=$tree/$1
  shift
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
  printf '%s\n' "$@" >>"$file"
  chmod +x "$file"
}
play_all() {
  : >"$tree/events"
  play deploy/install_deps.sh ''
  play bin/cmake '[[ $* != *--build* ]] || event "built ${*: -1}"' '[[ $* != *"asan --parallel"* ]] || event "asan ahead"'
  play bin/ctest 'case $* in *"preset dev"*) until_event "asan ahead" ;; *) until_event tidy ;; esac' 'event "ctest $*"'
  play tests/bench/instructions_test.sh 'event "release $*, $(chrt --pid $$ | head -1), $(ps -o nice= -p $$)"'
  play tests/style/tidy_test.sh 'event tidy' 'echo "9 files are clean"'
}

# expect CODE TEXT: what run.sh --all ends with and says.
expect() {
  local code=0 out
  out=$(PATH=$tree/bin:$PATH timeout 300 bash "$tree/tests/run.sh" --all 2>&1) || code=$?
  [[ $code != "$1" || $out != *"$2"* ]] || return 0
  printf 'FAILED: it ended with %s instead of %s, or did not say "%s":\n%s\nevents:\n%s\n' \
    "$code" "$1" "$2" "$out" "$(<"$tree/events")"
  failed=1
}
happened() {
  grep -qE -- "$1" "$tree/events" || { printf 'FAILED: no event "%s" in:\n%s\n' "$1" "$(<"$tree/events")" && failed=1; }
}

# The preset asan is built before the tests of dev end, and tidy runs before those of asan end.
play_all
expect 0 '9 files are clean'
happened '^release --build-only, .*(SCHED_IDLE|, +19$)'
happened '^ctest --preset dev .* --exclude-regex \^tidy\$$'
happened '^ctest --preset asan --parallel [0-9]+$'

play_all
play tests/style/tidy_test.sh 'event tidy' 'echo "one.cc:1: bugprone"' 'exit 123'
expect 123 'one.cc:1: bugprone'

play_all
play tests/style/tidy_test.sh 'event tidy' 'echo "NOT RUN: no clang-tidy"' 'exit 77'
expect 0 $'Not run here\e[0m\ntidy: no clang-tidy'

play_all
play bin/cmake '[[ $* != *asan* ]] || { event "asan ahead" && echo "two.cc:2: error" && exit 3; }'
expect 1 'two.cc:2: error'

# Nothing is left of the work ahead when tests fail.
play_all
play bin/cmake '[[ $* == *"asan --parallel"* ]] || exit 0' 'event "pid $$"' 'event "asan ahead"' 'exec tail -f /dev/null'
play bin/ctest 'until_event "asan ahead"' 'exit 8'
expect 8 'Testing (dev)'
pid=$(sed -n 's/^pid //p' "$tree/events")
deadline=$((SECONDS + 60))
while [[ -n $pid && -d /proc/$pid ]] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
  ((SECONDS < deadline)) || { echo "FAILED: process $pid goes on" && failed=1 && kill "$pid" && break; }
  read -rt 0.1 <> <(:) || true
done
[[ -n $pid ]] || { echo 'FAILED: nothing was made ahead' && failed=1; }

[[ $failed == 0 ]] && echo 'run.sh makes ahead what it needs, and tells what fails'
exit $failed
