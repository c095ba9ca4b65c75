#!/usr/bin/env bats
# channel_probe publish and subscribe: the gRPC contract for who has no grpcurl.
load support

publish() { probe "$1" publish "--grpc=127.0.0.1:$grpc_port" "${@:2}"; }     # publish EXIT_CODE ARGUMENT…
subscribe() { probe "$1" subscribe "--grpc=127.0.0.1:$grpc_port" "${@:2}"; } # subscribe EXIT_CODE ARGUMENT…
says_one_line() { one_line && says "$1"; }

@test 'bad usage is refused with one line and 64' {
  local words
  while read -ra words; do
    probe 64 "${words[@]}"
    says_one_line '^channel_probe: .*--help\)$'
  done <<'COMMANDS'
fly
publish --message=x
publish --group=1
publish --group=1,2 --message=x
subscribe
publish --group=1 --count=2
--group=1
publish --group=1 --grpc=here
subscribe --group=1 --timeout=0s
COMMANDS
  probe 0 --help
  says 'channel_probe publish --group'
  says '^  --message='
  probe 0 publish --help
  says 'channel_probe subscribe --group'
}
@test 'a publication reaches a session, and its position is printed' {
  starts
  connect_session channel.v1.json
  send_command '{"id":1,"cmd":"add_group","group_id":"p"}'
  hears '"event":"ok"'
  publish 0 --group=p --message='Bu bir mesajdır'
  says_one_line '^\{"position":\{"epoch":"[a-z0-9]+","offset":"[0-9]+"\}\}$'
  hears '"message":"Bu bir mesajdır"'
  publish 0 --group p --message '{"a":[1,true]}' --json
  hears '"message":\{"a":\[1,true\]\}'
}
@test 'a key publishes once' {
  publish 0 --group=k --message=once --key=7
  not says duplicate
  publish 0 --group=k --message=once --key=7
  says '"duplicate":true'
  subscribe 0 --group=k --last=5 --count=1
  says '"message":"once"'
}
@test 'subscribe prints each event, and ends after so many' {
  start_beside heard "$bin_dir/channel_probe" subscribe "--grpc=127.0.0.1:$grpc_port" --group=s,t --count=2
  soon grep -q '^{"subscribed":{"group_id":"t"' "$scratch/heard"
  publish 0 --group=s --message=one
  soon grep -q '^{"publication":{"group_id":"s",.*"message":"one"' "$scratch/heard"
  publish 0 --group=t --message=two
  soon all_gone "$pid"
  wait "$pid"
  grep -q '^{"publication":{"group_id":"t",.*"message":"two"' "$scratch/heard"
}
@test 'what the service refuses is said, with 1' {
  local long
  long=$(printf 'g%.0s' {1..256})
  publish 1 --group="$long" --message=x
  says_one_line '^failed: publish to .*group_id'
  subscribe 1 --group="$long"
  says_one_line '^failed: subscribe at '
}
@test 'a service that is not there is said, with 69' {
  probe 69 publish "--grpc=127.0.0.1:$spare_port" --group=1 --message=x
  says_one_line "^failed: publish to 127.0.0.1:$spare_port: .*refused"
  probe 69 subscribe "--grpc=127.0.0.1:$spare_port" --group=1
  says_one_line refused
}
@test 'a service that does not answer is said, with 69' {
  unsupervised
  kill -STOP "$(pid_of channel-1)"
  publish 69 --group=1 --message=x --timeout=1s
  one_line
  subscribe 69 --group=1 --timeout=1s
  says_one_line 'did not answer in time'
}
@test 'a proxy has no say' {
  local -x http_proxy=http://127.0.0.1:9 grpc_proxy=http://127.0.0.1:9
  publish 0 --group=1 --message=x
}
@test 'stop leaves nothing' { stop_leaves_nothing; }
