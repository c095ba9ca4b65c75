// Converts validated requests (validate.h) to what the engine and the hub take.
#pragma once

#include <optional>
#include <string_view>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/engine.h"
#include "channel_service/hub/hub.h"

namespace channel {

// Holds views into `request` and `publisher`, which belongs to `peer`.
PublishInput ToPublishInput(const v1::PublishRequest& request, std::string_view publisher,
                            PeerAddress peer);

// Returns nothing if the position has no epoch.
std::optional<StreamPosition> ToPosition(const v1::StreamPosition& position);

// The results hold views into the arguments.
SubscribeInput ToSubscribeInput(const v1::Subscription& subscription);
// Adds the bounds of one answer.
ReadRequest ToReadRequest(const v1::HistoryRequest& request);

}  // namespace channel
