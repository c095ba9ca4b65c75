#include "channel_service/handlers/errors.h"

#include <spdlog/fmt/fmt.h>

namespace channel {

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

absl::Status DrainingError() { return absl::UnavailableError("draining: the service is stopping"); }

}  // namespace channel
