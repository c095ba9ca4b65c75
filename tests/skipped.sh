#!/usr/bin/env bash
# Prints what a run of ctest skipped, "TEST: REASON", a line each: whole tests that ended with 77 or
# could not be started, and parts of tests (GoogleTest, TAP, Python's unittest).
# Usage: skipped.sh LAST_TEST_LOG CTEST_OUTPUT
set -euo pipefail
log=${1:?which LastTest.log?} output=${2:?the output of which ctest?}

# A reason is in the test's own output, and said once. GoogleTest prints it on the line before "SKIPPED".
awk '
  function say(reason) {
    given[test] = 1
    if (!said[test, reason]++) print test ": " reason
  }
  function with(name, reason) { return name (reason == "" ? "" : " (" reason ")") }

  FILENAME == ARGV[1] && /^[0-9]+\/[0-9]+ Test: / { test = $0; sub(/^[0-9]+\/[0-9]+ Test: /, "", test); next }
  FILENAME == ARGV[1] && /^Output:$/ { inside = 1; before = ""; next }
  FILENAME == ARGV[1] && /^<end of output>$/ { inside = 0; next }
  FILENAME == ARGV[1] {
    if (!inside) next
    if (/NOT RUN: /) { text = $0; sub(/.*NOT RUN: /, "", text); say(text) }
    if (/^ *ok .*# (SKIP|skip)/) {
      name = text = $0
      sub(/^ *ok ([0-9]+ )?(- )?/, "", name); sub(/ *# (SKIP|skip).*/, "", name); sub(/.*# (SKIP|skip) */, "", text)
      part[test, text] = name
      parts[test, text]++
      given[test] = 1
    }
    if (/ \.\.\. skipped /) say($0)
    if (/^OK \(skipped=/ && !given[test]) say($0)
    if (/^\[  SKIPPED \] .* \([0-9]+ ms\)$/) say(with($4, before))
    before = /: Skipped$/ ? "" : $0
    next
  }
  # The closing lists of ctest: "  1 - NAME (Skipped)".
  match($0, /^\t *[0-9]+ - .* \((Skipped|Not Run|Disabled)\)/) {
    test = $3
    if (!given[test]) say(/Skipped\)/ ? "it gives no reason" : "it could not be started, see above")
  }
  END {
    for (key in parts) {
      split(key, names, SUBSEP)
      test = names[1]
      say(with(parts[key] == 1 ? part[key] : parts[key] " tests", names[2]))
    }
  }
' "$log" "$output"
