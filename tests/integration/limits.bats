#!/usr/bin/env bats
# The tables of deploy/LIMITS.md have each flag that bounds something, with the default that --help prints.
bats_require_minimum_version 1.5.0

readonly limits=$BATS_TEST_DIRNAME/../../deploy/LIMITS.md

# documented PROGRAM: "--flag=default" of each row of its table, sorted.
documented() {
  sed -n "/^## $1\$/,/^## /p" "$limits" | sed -nE 's/^\| `(--[a-z_]+)` \| `([^`]*)` \|.*/\1=\2/p' | sort
}
# printed PROGRAM: the same of each flag whose default is a number or a time. The replicas of a stream bound nothing.
printed() {
  "$CHANNEL_BIN_DIR/$1" --help | sed -nE 's/^  (--[a-z_]+=[0-9][0-9a-z]*)$/\1/p' | grep -v '^--nats_replicas=' | sort
}
has_all() {
  [[ -n $(printed "$1") ]] || { echo "$1 --help prints no flag" && false; }
  diff --label "deploy/LIMITS.md, $1" --label "$1 --help" -u0 <(documented "$1") <(printed "$1")
}

@test "the table of ws_edge is that of its --help" { has_all ws_edge; }
@test "the table of channel_service is that of its --help" { has_all channel_service; }
