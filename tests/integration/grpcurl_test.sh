#!/usr/bin/env bash
# Real grpcurl against the real service. Needs CHANNEL_BIN_DIR (the binaries) and CHANNEL_WS_SAY (a
# WebSocket client). Exit code 77 and "NOT RUN" where there is no grpcurl.
set -uo pipefail

readonly service=channel.v1.ChannelService
readonly patience=20 # seconds
failures=0
pids=()

folder=$(mktemp -d)
cleanup() {
  local pid
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
  if ((failures > 0)); then tail -n 50 "$folder"/*.log >&2; fi
  rm -rf "$folder"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
die() {
  fail "$*"
  exit 1
}

# … that tests/run.sh installed where Go is present.
find_grpcurl() { command -v grpcurl || command -v "$(dirname "${BASH_SOURCE[0]}")/../../build/tools/grpcurl"; }

# Waits for a line with this text in a file.
await_text() { # file text
  local deadline=$((SECONDS + patience))
  until grep -qF -- "$2" "$1" 2>/dev/null; do
    ((SECONDS < deadline)) || return 1
    read -r -t 0.05 <> <(:) || true
  done
}

# "127.0.0.1:2206" of a state file's key.
address_of() { # file key
  sed -nE "s/.*\"$2\": ?\"([^\"]*)\".*/\1/p" "$1"
}

start() { # name binary flags…
  local name=$1 binary=$2
  shift 2
  "$CHANNEL_BIN_DIR/$binary" --name="$name" --admin_listen=127.0.0.1:0 --drain_time=1s \
    --state_file="$folder/$name.json" "$@" 2>"$folder/$name.log" &
  pids+=($!)
  await_text "$folder/$name.json" '"listen"' || die "$name does not listen"
}

call() { # arguments of grpcurl; output in $out, exit code in $code
  out=$(timeout "$patience" "$grpcurl" -plaintext "$@" 2>&1)
  code=$?
}

expect() { # what text
  [[ $code -eq 0 ]] || fail "$1: exit code $code: $out"
  [[ $out == *"$2"* ]] || fail "$1: '$2' is not in: $out"
}

# Native status codes: grpcurl exits with 64 + the code, and prints its name.
expect_status() { # what number name
  [[ $code -eq $((64 + $2)) ]] || fail "$1: exit code $code instead of $((64 + $2)): $out"
  [[ $out == *"Code: $3"* ]] || fail "$1: not $3: $out"
  [[ $out =~ Message:\ [^[:space:]] ]] || fail "$1: an error without a word: $out"
}

if ! grpcurl=$(find_grpcurl); then
  echo "NOT RUN: grpcurl is not installed (tests/run.sh installs it where Go is present)"
  exit 77
fi
: "${CHANNEL_BIN_DIR:?where are the binaries?}" "${CHANNEL_WS_SAY:?where is ws_say?}"

start service channel_service --listen=127.0.0.1:0 --history_publications_max=3 --new_epoch_grace=0s
target=$(address_of "$folder/service.json" listen)
start edge-1 ws_edge --listen=127.0.0.1:0 --channel="$target"
start edge-2 ws_edge --listen=127.0.0.1:0 --channel="$target"

# A member on each edge. Their standard input stays open until this script closes it.
member() { # number
  local port
  port=$(address_of "$folder/edge-$1.json" listen)
  mkfifo "$folder/in-$1"
  "$CHANNEL_WS_SAY" "${port##*:}" 123 "edge-$1" <"$folder/in-$1" \
    >"$folder/member-$1.log" 2>&1 &
  pids+=($!)
}
member 1
exec 7>"$folder/in-1"
member 2
exec 8>"$folder/in-2"
await_text "$folder/member-1.log" "joined edge-1" || die "no member on edge 1"
await_text "$folder/member-2.log" "joined edge-2" || die "no member on edge 2"

echo "list and describe"
call "$target" list
expect "list" "$service"
expect "list" "grpc.health.v1.Health"
call "$target" list "$service"
for method in Publish PublishStream Subscribe History; do expect "list" "$service.$method"; done
call "$target" describe "$service.Publish"
expect "describe" "rpc Publish ( .channel.v1.PublishRequest ) returns ( .channel.v1.PublishResponse );"
call "$target" describe channel.v1.PublishRequest
expect "describe" "string group_id = 1;"
call "$target" grpc.health.v1.Health/Check
expect "health" '"status": "SERVING"'

echo "Publish is seen by WebSocket members on two edges"
call -d '{"group_id":"123","message":"Bu bir mesajdır"}' "$target" "$service/Publish"
expect "Publish" '"offset": "'
for number in 1 2; do
  await_text "$folder/member-$number.log" "Bu bir mesajdır" || fail "member $number saw nothing"
done
call -d '{"group_id":"123","data":"Ynl0ZXM="}' "$target" "$service/Publish"
expect "Publish of data" '"offset": "'
await_text "$folder/member-1.log" "bytes" || fail "member 1 did not see the bytes"

echo "Subscribe prints what a member sends"
"$grpcurl" -plaintext -d '{"subscribe":[{"group_id":"123"}]}' "$target" "$service/Subscribe" \
  >"$folder/subscribe.log" 2>&1 &
pids+=($!)
await_text "$folder/subscribe.log" '"subscribed"' || fail "Subscribe says nothing"
echo "from a member" >&7
await_text "$folder/subscribe.log" '"message": "from a member"' ||
  fail "Subscribe did not print what the member sent"
await_text "$folder/member-2.log" "from a member" || fail "member 2 did not see member 1"

echo "PublishStream and History"
call -d '{"publications":[{"group_id":"s","message":"1"},{"message":"2"},{"group_id":"s","message":"3"}]}' \
  "$target" "$service/PublishStream"
expect "PublishStream" '"published"'
expect "PublishStream" '"code": 3'
call -d '{"group_id":"s"}' "$target" "$service/History"
expect "History" '"message": "1"'
expect "History" '"message": "3"'

echo "errors are native status codes"
call -d '{"message":"x"}' "$target" "$service/Publish"
expect_status "no group" 3 InvalidArgument
call -d '{"group_id":"1"}' "$target" "$service/Publish"
expect_status "no body" 3 InvalidArgument
call -d "{\"group_id\":\"$(printf 'g%.0s' {1..256})\",\"message\":\"x\"}" "$target" "$service/Publish"
expect_status "long group" 3 InvalidArgument
call -d @ "$target" "$service/Publish" <<<"{\"group_id\":\"1\",\"message\":\"$(head -c 65537 /dev/zero | tr '\0' m)\"}"
expect_status "too large" 8 ResourceExhausted
call -d '{"group_id":"k","message":"one","key":"k"}' "$target" "$service/Publish"
expect "a key" '"offset": "'
call -d '{"group_id":"k","message":"one","key":"k"}' "$target" "$service/Publish"
expect "the key again" '"duplicate": true'
call -d '{"group_id":"k","message":"two","key":"k"}' "$target" "$service/Publish"
expect_status "the key with another body" 6 AlreadyExists
call -d '{"group_id":"1","since":{"epoch":"another","offset":"1"}}' "$target" "$service/History"
expect_status "another epoch" 11 OutOfRange
call -d '{"subscribe":[{"group_id":""}]}' "$target" "$service/Subscribe"
expect_status "Subscribe without a group" 3 InvalidArgument

exec 7>&- 8>&-
((failures == 0)) && echo "ok"
exit $((failures > 0))
