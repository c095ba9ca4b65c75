// The one place where our errors become gRPC status codes.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "channel_service/engine/engine.h"

namespace channel {

grpc::Status ToGrpc(const absl::Status& status);

// OK for accepted and duplicate.
absl::Status StatusOf(PublishCode code);

// Refusals that every call gives in the same words.
absl::Status DrainingError();
absl::Status TooManyStreamsError();

}  // namespace channel
