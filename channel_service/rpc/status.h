// The one place where our errors become gRPC status codes, and where requests are validated.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/engine/engine.h"
#include "channel_service/limits.h"

namespace channel {

grpc::Status ToGrpc(const absl::Status& status);

// INVALID_ARGUMENT or RESOURCE_EXHAUSTED, naming the field, what it was and what is allowed.
absl::Status ValidateGroupId(std::string_view group_id);
absl::Status ValidatePublish(const v1::PublishRequest& request, const ServiceLimits& limits);

// Views into `request` and `publisher`.
PublishInput ToPublishInput(const v1::PublishRequest& request, std::string_view publisher);

// INVALID_ARGUMENT if the bytes are not a message of the type of `request`.
absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request);

// A position from a request; one without an epoch is none (proto: empty).
std::optional<StreamPosition> ToPosition(const v1::StreamPosition& position);

// OK for accepted and duplicate.
absl::Status StatusOf(PublishCode code);

// Refusals that every call gives in the same words.
absl::Status DrainingError();
absl::Status TooManyStreamsError();
absl::Status TooManyEntriesError();

}  // namespace channel
