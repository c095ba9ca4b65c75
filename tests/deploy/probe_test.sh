#!/usr/bin/env bash
# channel_probe publish and subscribe: the gRPC contract for who has no grpcurl.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

probe() { run "$bin_dir/channel_probe" "$@"; }
publish() { probe publish "--grpc=127.0.0.1:$grpc_port" "$@"; }
subscribe() { probe subscribe "--grpc=127.0.0.1:$grpc_port" "$@"; }

publication_reaches_a_session() {
  local ok=0
  connect_session channel.v1.json &&
    send_command '{"id":1,"cmd":"add_group","group_id":"p"}' && hears '"event":"ok"' || ok=1
  publish --group=p --message='Bu bir mesajdır' && exits 0 && one_line &&
    says '^\{"position":\{"epoch":"[a-z0-9]+","offset":"[0-9]+"\}\}$' || ok=1
  hears '"message":"Bu bir mesajdır"' || ok=1
  publish --group p --message '{"a":[1,true]}' --json && exits 0 && hears '"message":\{"a":\[1,true\]\}' || ok=1
  close_session
  return "$ok"
}
key_publishes_once() {
  publish --group=k --message=once --key=7 && exits 0 && ! says duplicate &&
    publish --group=k --message=once --key=7 && exits 0 && says '"duplicate":true' &&
    subscribe --group=k --last=5 --count=1 && exits 0 && says '"message":"once"'
}
subscriber_hears() { grep -q "$1" "$scratch/heard"; }
subscribe_prints_each_event() {
  local subscriber status=0
  "$bin_dir/channel_probe" subscribe "--grpc=127.0.0.1:$grpc_port" --group=s,t --count=2 >"$scratch/heard" 2>&1 &
  subscriber=$!
  soon subscriber_hears '^{"subscribed":{"group_id":"t"' && publish --group=s --message=one && exits 0 &&
    soon subscriber_hears '^{"publication":{"group_id":"s",.*"message":"one"' &&
    publish --group=t --message=two && soon gone "$subscriber" || return 1
  wait "$subscriber" || status=$?
  out=$(<"$scratch/heard")
  ((status == 0)) && says '^\{"publication":\{"group_id":"t",.*"message":"two"'
}

is_bad_usage() { probe "$@" && exits 64 && one_line && says '^channel_probe: .*--help\)$'; }
bad_usage_is_refused() {
  is_bad_usage fly && is_bad_usage publish --message=x && is_bad_usage publish --group=1 && is_bad_usage publish --group=1,2 --message=x &&
    is_bad_usage subscribe && is_bad_usage publish --group=1 --count=2 && is_bad_usage --group=1 &&
    is_bad_usage publish --group=1 --grpc=here && is_bad_usage subscribe --group=1 --timeout=0s &&
    probe --help && exits 0 && says 'channel_probe publish --group' && says '^  --message=' &&
    probe publish --help && exits 0 && says 'channel_probe subscribe --group'
}
refusal_is_said() {
  publish --group="$(printf 'g%.0s' {1..256})" --message=x && exits 1 && one_line && says '^failed: publish to .*group_id' &&
    subscribe --group="$(printf 'g%.0s' {1..256})" && exits 1 && one_line && says '^failed: subscribe at '
}
absent_service_is_said() {
  probe publish "--grpc=127.0.0.1:$spare_port" --group=1 --message=x && exits 69 && one_line &&
    says "^failed: publish to 127.0.0.1:$spare_port: .*refused" &&
    probe subscribe "--grpc=127.0.0.1:$spare_port" --group=1 && exits 69 && one_line && says refused
}
silent_service_is_said() {
  local ok=0
  kill -STOP "$(pid_of channel-1)"
  publish --group=1 --message=x --timeout=1s && exits 69 && one_line &&
    subscribe --group=1 --timeout=1s && exits 69 && one_line && says 'did not answer in time' || ok=1
  kill -CONT "$(pid_of channel-1)"
  return "$ok"
}
proxy_is_not_used() {
  http_proxy=http://127.0.0.1:9 grpc_proxy=http://127.0.0.1:9 publish --group=1 --message=x && exits 0
}

calls() {
  it 'everything starts' starts
  it 'bad usage is refused with one line and 64' bad_usage_is_refused
  it 'a publication reaches a session, and its position is printed' publication_reaches_a_session
  it 'a key publishes once' key_publishes_once
  it 'subscribe prints each event, and ends after so many' subscribe_prints_each_event
  it 'what the service refuses is said, with 1' refusal_is_said
  it 'a service that is not there is said, with 69' absent_service_is_said
  it 'a service that does not answer is said, with 69' unsupervised silent_service_is_said
  it 'a proxy has no say' proxy_is_not_used
  it 'stop leaves nothing' stop_leaves_nothing
}

at_once calls
finish
