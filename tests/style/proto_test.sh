#!/usr/bin/env bash
# protoc makes code of the contract for the languages that it has built in, under the names that the
# options of channel.proto say.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=$(mktemp -d)
trap 'rm -rf -- "$out"' EXIT
failed=0

# A file that must have been made, and a line that it must have.
expect() {
  grep -qF -- "$2" "$out/$1" 2>/dev/null && return
  echo "$1 is not there, or has no line '$2'"
  failed=1
}

proto=channel/v1/channel.proto
for language in java csharp php python; do
  mkdir "$out/$language"
  protoc --proto_path=proto "--${language}_out=$out/$language" "$proto" || failed=1
done
expect java/channel/v1/PublishRequest.java 'package channel.v1;'
expect csharp/Channel.cs 'namespace ChannelMessaging.V1 {'
expect php/Channel/V1/PublishRequest.php 'namespace Channel\V1;'
expect python/channel/v1/channel_pb2.py 'channel/v1;channelv1'

((failed)) || echo "ok"
exit "$failed"
