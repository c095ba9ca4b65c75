// Checks the ranges that proto/channel/v1/channel.proto states: every field of every request passes
// here.
//
// An error is INVALID_ARGUMENT, or RESOURCE_EXHAUSTED for a body that is too large, and names the
// field, what it was and what is allowed. Text that is not UTF-8 does not come this far
// (parse_request.h).
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/limits.h"

namespace channel {

// `publisher`: of the stream; empty = none, as for Publish.
absl::Status ValidatePublish(const v1::PublishRequest& request, std::string_view publisher,
                             const ServiceLimits& limits);
// Checks a request without its publications. `publisher`, `any_order`: of the stream's requests so
// far.
absl::Status ValidatePublishStream(const v1::PublishStreamRequest& request, bool first,
                                   std::string_view publisher, bool any_order);
absl::Status ValidateSubscription(const v1::Subscription& subscription);
absl::Status ValidateHistory(const v1::HistoryRequest& request);

}  // namespace channel
