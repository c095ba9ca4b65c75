#include "channel_service/rpc/status.h"

#include <spdlog/fmt/fmt.h>

#include <string>

#include "channel_service/base/strings.h"
#include "channel_service/limits.h"

namespace channel {

grpc::Status ToGrpc(const absl::Status& status) {
  // The two enumerations are one list of canonical codes.
  return {static_cast<grpc::StatusCode>(status.code()), std::string(MessageOf(status))};
}

absl::Status StatusOf(PublishCode code) {
  switch (code) {
    case PublishCode::kAccepted:
    case PublishCode::kDuplicate:
      return absl::OkStatus();
    case PublishCode::kKeyConflict:
      return absl::AlreadyExistsError("the key was used in this group with another body");
    case PublishCode::kOverloaded:
      return absl::ResourceExhaustedError(
          "too many idempotency keys are remembered at the moment; try again later");
    case PublishCode::kUnavailable:
      return absl::UnavailableError("the engine cannot be reached; try again");
  }
  return absl::InternalError("unknown publish code");
}

absl::Status TooManyStreamsError() {
  return absl::ResourceExhaustedError(
      fmt::format("{} streams are open; more are not allowed", kOpenStreamsMax));
}

absl::Status DrainingError() { return absl::UnavailableError("draining: the service is stopping"); }

}  // namespace channel
