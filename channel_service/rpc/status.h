// The one place where our errors become gRPC status codes, and errors of the contract.
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/engine/engine.h"

namespace channel {

grpc::Status ToGrpc(const absl::Status& status);

// The error of a publication with this outcome; OK for accepted and duplicate.
absl::Status StatusOf(PublishCode code);
// The result of one publication in a PublishStream that `error` refused. `code`: the engine's, if
// it was asked.
v1::PublishResult ToPublishError(const absl::Status& error, PublishCode code);

// OUT_OF_RANGE: a read from `since` found the gap that is in `read`. `epoch`: of the engine.
absl::Status GapError(const ReadResult& read, const v1::StreamPosition& since,
                      std::string_view epoch);

// Refusals that every call gives in the same words.
absl::Status DrainingError();
absl::Status TooManyStreamsError();
absl::Status TooMuchHeldError();

}  // namespace channel
