#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
Usage: tests/run.sh [--quick] [--asan] [--all] [-- CTEST_ARGUMENTS]
       tests/run.sh --fuzz [SECONDS]

  (nothing)   everything but sanitizers and fuzzing: style, unit, contract, integration, deployment, browser, faults,
              attacks, instructions per delivery
  --quick     what a developer runs after a change: style and unit tests only
  --asan      all that tests the programs, built with AddressSanitizer and UndefinedBehaviorSanitizer: not style, browser,
              bench
  --all       first the default run, then the --asan run; what comes later is built while the tests wait
  --fuzz      each fuzz target on its corpus for so long (default 60 s); a crash's input is kept in build/fuzz

Missing tools are installed: with apt, npm, on Debian 13 pip (clang-format 14), and where Go 1.21 or later is,
with Go (grpcurl, nats-server 2.10, Caddy). The end of the output lists what could not run here, with the reason. Examples:
  tests/run.sh --quick
  tests/run.sh -- -R delivery_test
  tests/run.sh --fuzz 600
TEXT
}

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

build_preset() {
  local preset=$1
  step "Building ($preset)"
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || { cat "build/$preset.configure.log"; exit 1; }
  cmake --build --preset "$preset"
}

# test_preset PRESET CTEST_ARGUMENTS...
test_preset() {
  local preset=$1 code=0
  shift
  step "Testing ($preset)"
  ctest --preset "$preset" --parallel 3 "$@" | tee "build/$preset.ctest.log" || code=$?
  tests/skipped.sh "build/$preset/Testing/Temporary/LastTest.log" "build/$preset.ctest.log" >>"$skipped"
  ((code == 0)) || exit "$code"
}

# start_ahead WORK…: ahead.sh, until it is awaited or this run ends.
start_ahead() {
  setsid tests/ahead.sh "$@" >build/ahead.log 2>&1 </dev/null &
  ahead_pid=$!
}
# Its exit code is that of the work.
await_ahead() {
  local code=0
  wait "$ahead_pid" || code=$?
  ahead_pid=
  return "$code"
}
stop_ahead() {
  [[ -z $ahead_pid ]] || kill -- "-$ahead_pid" 2>/dev/null || kill "$ahead_pid" 2>/dev/null || true
}

# Both presets. No core is idle while tests wait: the other builds are made meanwhile, then tidy is run.
run_all() {
  build_preset dev
  start_ahead release asan
  test_preset dev --exclude-regex '^tidy$'
  await_ahead || true # if it failed, building it again tells why
  build_preset asan
  start_ahead tidy
  test_preset asan
  step 'Testing (tidy, of dev)'
  local code=0
  await_ahead || code=$?
  cat build/ahead.log
  ((code != 77)) || { sed -n 's/^NOT RUN/tidy/p' build/ahead.log >>"$skipped" && code=0; }
  return "$code"
}

# The last thing that is said is what could not run, of all presets.
say_what_was_skipped() {
  [[ ! -s $skipped ]] || { step "Not run here" && cat "$skipped"; }
  rm -f "$skipped"
}

# run_fuzz SECONDS: what is found beside the corpus of the tree stays in build/fuzz/corpus for the next run.
run_fuzz() {
  local seconds=$1 target failed=0
  step "Building (fuzz)"
  cmake --preset fuzz >build/fuzz.configure.log 2>&1 || { cat build/fuzz.configure.log; exit 1; }
  cmake --build --preset fuzz
  for target in command_fuzz http_fuzz subscription_fuzz session_fuzz; do
    step "Fuzzing $target for $seconds s"
    mkdir -p "build/fuzz/corpus/$target"
    # Without address randomisation hash tables are walked in the same order again, so that a crash repeats.
    setarch --addr-no-randomize "build/fuzz/bin/$target" -max_total_time="$seconds" -print_final_stats=1 \
      -artifact_prefix="build/fuzz/$target-" -timeout=20 -rss_limit_mb=2048 \
      "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1 || failed=1
    grep -E 'cov:' "build/fuzz/$target.log" | tail -1 || true
    grep -E 'stat::number_of_executed_units|stat::average_exec_per_sec|FAILED|CHECK failed|ERROR|Test unit written' \
      "build/fuzz/$target.log" || true
  done
  return $failed
}

presets=(dev)
fuzz_seconds=
ctest_arguments=()
while (($# > 0)); do
  case $1 in
    --quick) ctest_arguments+=(-L "unit|style") ;;
    --asan) presets=(asan) ;;
    --all) presets=(dev asan) ;;
    --fuzz)
      fuzz_seconds=60
      if [[ ${2-} =~ ^[0-9]+$ ]]; then fuzz_seconds=$2 && shift; fi
      ;;
    --help | -h) usage && exit 0 ;;
    --) shift && ctest_arguments+=("$@") && break ;;
    *) printf 'run.sh: unknown argument %s\n' "$1" >&2 && usage >&2 && exit 64 ;;
  esac
  shift
done

step "Installing what is missing"
deploy/install_deps.sh --tests
mkdir -p build
# Leaks of the sanitized processes themselves count; those of libraries at exit do not exist so far.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:abort_on_error=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
if [[ -n $fuzz_seconds ]]; then
  run_fuzz "$fuzz_seconds"
  exit
fi
skipped=$(mktemp)
ahead_pid=
trap 'stop_ahead; say_what_was_skipped' EXIT
if ((${#presets[@]} == 2 && ${#ctest_arguments[@]} == 0)); then
  run_all
  exit
fi
for preset in "${presets[@]}"; do
  build_preset "$preset"
  test_preset "$preset" "${ctest_arguments[@]}"
done
