// Parses requests: bytes that are to become messages of the contract.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <vector>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"

namespace channel {

// INVALID_ARGUMENT if the bytes are not a message of the type of `request`. It names the first
// field that should be text and is not UTF-8, if that is the reason: "subscribe[3].group_id".
absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request);

// A publication of a PublishStreamRequest that cannot be parsed, and why.
struct UnparsedPublication {
  int index = 0;
  absl::Status status;
};

// The same for a request of PublishStream, where a bad publication harms no other: those with text
// that is not UTF-8 are listed in `unparsed`, in order, and `request` has something in their place.
absl::Status ParsePublishStream(grpc::ByteBuffer* bytes, v1::PublishStreamRequest* request,
                                std::vector<UnparsedPublication>* unparsed);

}  // namespace channel
