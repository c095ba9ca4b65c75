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

v1::PublishResult ToPublishError(const absl::Status& error, PublishCode code) {
  v1::PublishResult result;
  v1::PublishError* const proto = result.mutable_error();
  proto->set_code(static_cast<int32_t>(error.code()));
  proto->set_message(std::string(MessageOf(error)));
  proto->set_retryable(code == PublishCode::kOverloaded || absl::IsUnavailable(error));
  return result;
}

absl::Status TooManyStreamsError() {
  return absl::ResourceExhaustedError(
      fmt::format("too many streams: {} may be open, and one address may have {} of them, and half "
                  "of those that others leave free",
                  kOpenStreamsMax, kOpenStreamsOfOneMax));
}

absl::Status TooMuchHeldError() {
  return absl::ResourceExhaustedError(fmt::format(
      "too much waits for clients of this address: answers that they do not read, and requests "
      "under way; {} MiB may wait for all, and one address may have half of what others leave free",
      kHeldBytesMax >> 20));
}

}  // namespace channel
