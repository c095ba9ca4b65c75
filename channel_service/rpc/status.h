// The one place where our errors become gRPC status codes, and errors of the contract.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/engine/engine.h"

namespace channel {

grpc::Status ToGrpc(const absl::Status& status);

// The result of one publication in a PublishStream that `error` refused. `code`: the engine's, if
// it was asked.
v1::PublishResult ToPublishError(const absl::Status& error, PublishCode code);

// Refusals that every call gives in the same words.
absl::Status TooManyStreamsError();
absl::Status TooMuchHeldError();

}  // namespace channel
