#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
Usage: tests/run.sh [--quick] [--asan] [--all] [-- CTEST_ARGUMENTS]

  (nothing)   everything but the sanitizers: style, unit, contract, integration, deployment, browser
  --quick     what a developer runs after a change: style and unit tests only
  --asan      the whole suite, built with AddressSanitizer and UndefinedBehaviorSanitizer
  --all       first the default run, then the --asan run

Whatever is missing is installed (apt, npm; grpcurl by go where Go is present). What could not run
here is listed at the end, with the reason. Examples:
  tests/run.sh --quick
  tests/run.sh -- -R seed_test
TEXT
}

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# run_preset PRESET CTEST_ARGUMENTS...
run_preset() {
  local preset=$1
  shift
  step "Building ($preset)"
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || { cat "build/$preset.configure.log"; exit 1; }
  cmake --build --preset "$preset"
  step "Testing ($preset)"
  ctest --preset "$preset" --parallel 2 "$@"
}

presets=(dev)
ctest_arguments=()
while (($# > 0)); do
  case $1 in
    --quick) ctest_arguments+=(-L "unit|style") ;;
    --asan) presets=(asan) ;;
    --all) presets=(dev asan) ;;
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
for preset in "${presets[@]}"; do run_preset "$preset" "${ctest_arguments[@]}"; done
