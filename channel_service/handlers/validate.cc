#include "channel_service/handlers/validate.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "channel_service/base/json_names.h"
#include "channel_service/model/epoch.h"

namespace channel {
namespace {

bool IsJson(std::string_view text) {
  std::array<unsigned char, 2048> memory;
  boost::json::monotonic_resource resource(memory.data(), memory.size());
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::json::stream_parser parser(&resource, options);
  boost::system::error_code error;
  parser.write(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  return !error && !HasNameTwice(parser.release(), text);
}

absl::Status ValidateGroupId(std::string_view group_id) {
  if (group_id.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("group_id is empty; allowed are 1 to {} bytes", kGroupIdBytesMax));
  }
  if (group_id.size() > kGroupIdBytesMax) {
    return absl::InvalidArgumentError(fmt::format("group_id has {} bytes; allowed are 1 to {}",
                                                  group_id.size(), kGroupIdBytesMax));
  }
  return absl::OkStatus();
}

// Checks where to begin: since, or last, or neither.
absl::Status ValidateFrom(const v1::StreamPosition& since, uint32_t last) {
  if (!since.epoch().empty() && !IsEpoch(since.epoch())) {
    return absl::InvalidArgumentError(fmt::format(
        "since.epoch is not an epoch; allowed are 1 to {} letters (A-Z, a-z) and digits",
        kEpochBytesMax));
  }
  if (since.epoch().empty() && since.offset() != 0) {
    return absl::InvalidArgumentError("since has an offset, but no epoch; give both, or neither");
  }
  if (last > kHistoryCountMax) {
    return absl::InvalidArgumentError(
        fmt::format("last is {}; allowed are 0 to {}", last, kHistoryCountMax));
  }
  if (last != 0 && !since.epoch().empty()) {
    return absl::InvalidArgumentError("since and last exclude each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidatePublish(const v1::PublishRequest& request, std::string_view publisher,
                             const ServiceLimits& limits) {
  if (absl::Status status = ValidateGroupId(request.group_id()); !status.ok()) return status;
  if (request.body_case() == v1::PublishRequest::BODY_NOT_SET) {
    return absl::InvalidArgumentError("no body; set message (text) or data (bytes)");
  }
  if (request.key().size() > kKeyBytesMax) {
    return absl::InvalidArgumentError(fmt::format("key has {} bytes; at most {} are allowed",
                                                  request.key().size(), kKeyBytesMax));
  }
  if (request.sequence() != 0 && publisher.empty()) {
    return absl::InvalidArgumentError(
        "sequence needs a publisher: it counts in a PublishStream whose first request names one; "
        "elsewhere use key");
  }
  const size_t size = request.has_message() ? request.message().size() : request.data().size();
  if (size > limits.message_bytes_max) {
    return absl::ResourceExhaustedError(fmt::format("the body has {} bytes; at most {} are allowed",
                                                    size, limits.message_bytes_max));
  }
  if (request.json() && !(request.has_message() && IsJson(request.message()))) {
    return absl::InvalidArgumentError(
        fmt::format("json is set, but message is not valid JSON of at most {} levels without a "
                    "name twice in one "
                    "object",
                    kJsonDepthMax));
  }
  return absl::OkStatus();
}

absl::Status ValidatePublishStream(const v1::PublishStreamRequest& request, bool first,
                                   std::string_view publisher, bool any_order) {
  if (request.publisher().size() > kPublisherBytesMax) {
    return absl::InvalidArgumentError(fmt::format("publisher has {} bytes; at most {} are allowed",
                                                  request.publisher().size(), kPublisherBytesMax));
  }
  if (!first && !request.publisher().empty() && request.publisher() != publisher) {
    return absl::InvalidArgumentError(
        "publisher is another than in the first request; one stream has one, or none");
  }
  if (!first && request.any_order() && !any_order) {
    return absl::InvalidArgumentError("any_order is set, but was not in the first request");
  }
  if (first && request.any_order() && request.publisher().empty()) {
    return absl::InvalidArgumentError("any_order needs a publisher");
  }
  return absl::OkStatus();
}

absl::Status ValidateSubscription(const v1::Subscription& subscription) {
  absl::Status status = ValidateGroupId(subscription.group_id());
  return status.ok() ? ValidateFrom(subscription.since(), subscription.last()) : status;
}

absl::Status ValidateHistory(const v1::HistoryRequest& request) {
  absl::Status status = ValidateGroupId(request.group_id());
  return status.ok() ? ValidateFrom(request.since(), request.last()) : status;
}

}  // namespace channel
