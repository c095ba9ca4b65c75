#!/usr/bin/env bats
# Real grpcurl against a real pair.
load ../deploy/support

readonly service=channel.v1.ChannelService
PATH+=:$root/build/tools # where tests/run.sh installs grpcurl, if Go is present
setup() { command -v grpcurl || skip 'grpcurl is not installed (tests/run.sh installs it where Go is present)'; }
set_up_deployment() { export CHANNEL_SERVICE_FLAGS='--history_publications_max=3 --new_epoch_grace=0s'; }

call() { run_for 0 grpcurl -plaintext "${@:2}" "127.0.0.1:$grpc_port" $1; } # call METHOD OPTION…; METHOD may be words
publish() { call $service/Publish -d "$1"; }
# fails CODE NAME METHOD REQUEST: with a native status (grpcurl exits with 64 + its code) and a word about it.
fails() {
  run "-$((64 + $1))" timeout "$COMMAND_S" grpcurl -plaintext -d @ "127.0.0.1:$grpc_port" "$service/$3" <<<"$4"
  says "Code: $2"
  says 'Message: [^[:space:]]'
}
# Opens a session on edge $1 that is in group 123.
join_on() {
  until open_session 123 && [[ $edge == "$1" ]]; do close_session; done
  send_command '{"cmd":"send_to_group","group_id":"123","message":"I am in"}'
  hears 'I am in'
}

@test 'list and describe' {
  local method
  starts
  call list
  says "$service"
  says 'grpc.health.v1.Health'
  call "list $service"
  for method in Publish PublishStream Subscribe History; do says "$service.$method"; done
  call "describe $service.Publish"
  says 'rpc Publish \( .channel.v1.PublishRequest \) returns \( .channel.v1.PublishResponse \);'
  call 'describe channel.v1.PublishRequest'
  says 'string group_id = 1;'
  call grpc.health.v1.Health/Check
  says '"status": "SERVING"'
}
@test 'Subscribe prints what a member sends, and another member sees it' {
  local sender receiver
  start_beside subscribed grpcurl -plaintext -d '{"subscribe":[{"group_id":"123"}]}' "127.0.0.1:$grpc_port" $service/Subscribe
  soon grep -q '"subscribed"' "$scratch/subscribed"
  join_on edge-1
  sender=$ws_fd
  join_on edge-2
  receiver=$ws_fd ws_fd=$sender
  send_command '{"cmd":"send_to_group","group_id":"123","message":"from a member"}'
  soon grep -q '"message": "from a member"' "$scratch/subscribed"
  ws_fd=$receiver
  hears 'from a member'
}
@test 'Publish, History, and errors with native status codes' {
  publish '{"group_id":"k","message":"Bu bir mesajdır","key":"k"}'
  says '"offset": "'
  publish '{"group_id":"k","message":"Bu bir mesajdır","key":"k"}'
  says '"duplicate": true'
  call $service/History -d '{"group_id":"k"}'
  says '"message": "Bu bir mesajdır"'
  fails 3 InvalidArgument Publish '{"message":"x"}'
  fails 6 AlreadyExists Publish '{"group_id":"k","message":"two","key":"k"}'
  fails 11 OutOfRange History '{"group_id":"1","since":{"epoch":"another","offset":"1"}}'
  fails 3 InvalidArgument Subscribe '{"subscribe":[{"group_id":""}]}'
}
@test 'stop leaves nothing' { stop_leaves_nothing; }
