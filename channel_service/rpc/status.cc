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
          "too many publications wait for the log at the moment; try again later");
    case PublishCode::kUnavailable:
      return absl::UnavailableError("the engine cannot be reached; try again");
  }
  return absl::InternalError("unknown publish code");
}

v1::PublishResult ToPublishError(const absl::Status& error, PublishCode code) {
  v1::PublishResult result;
  v1::PublishError* const proto = result.mutable_error();
  proto->set_code(static_cast<int32_t>(error.code()));
  proto->set_message(std::string(MessageOf(error)));
  proto->set_retryable(code == PublishCode::kOverloaded || absl::IsUnavailable(error));
  return result;
}

absl::Status GapError(const ReadResult& read, const v1::StreamPosition& since,
                      std::string_view epoch) {
  switch (read.gap->reason) {
    case GapReason::kRetention:
      return absl::OutOfRangeError(
          fmt::format("publications after since are no longer held; those that are begin at "
                      "offset {} or later",
                      read.gap->before));
    case GapReason::kEpoch:
      return absl::OutOfRangeError(
          fmt::format("since is of another epoch; the current one is {}", epoch));
    case GapReason::kPosition:
      return absl::OutOfRangeError(
          fmt::format("since has offset {}, which epoch {} has not reached: its newest is {}; "
                      "this log never gave that position",
                      since.offset(), epoch, read.newest));
  }
  return absl::InternalError("unknown gap reason");
}

absl::Status TooManyStreamsError() {
  return absl::ResourceExhaustedError(
      fmt::format("too many streams: {} may be open, and one address may have half of those that "
                  "others leave free",
                  kOpenStreamsMax));
}

absl::Status TooMuchHeldError() {
  return absl::ResourceExhaustedError(fmt::format(
      "too much waits for clients of this address: answers that they do not read, and requests "
      "under way; {} MiB may wait for all, and one address may have half of what others leave free",
      kHeldBytesMax >> 20));
}

absl::Status DrainingError() { return absl::UnavailableError("draining: the service is stopping"); }

}  // namespace channel
