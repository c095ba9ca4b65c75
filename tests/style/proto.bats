#!/usr/bin/env bats
# protoc makes code of the contract for the languages that it has built in, under the names that the
# options of channel.proto say.

# makes LANGUAGE FILE LINE: a file that is made, and a line that it has.
makes() {
  mkdir "$BATS_TEST_TMPDIR/$1"
  protoc "--proto_path=$BATS_TEST_DIRNAME/../../proto" "--$1_out=$BATS_TEST_TMPDIR/$1" channel/v1/channel.proto
  grep -F -- "$3" "$BATS_TEST_TMPDIR/$1/$2"
}
@test 'protoc makes code of the contract for Java, C#, PHP and Python' {
  makes java channel/v1/PublishRequest.java 'package channel.v1;'
  makes csharp Channel.cs 'namespace ChannelMessaging.V1 {'
  makes php Channel/V1/PublishRequest.php 'namespace Channel\V1;'
  makes python channel/v1/channel_pb2.py 'channel/v1;channelv1'
}
