// The errors that handlers and streams give in the same words.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/engine/engine.h"

namespace channel {

// The error of a publication with this outcome; OK for accepted and duplicate.
absl::Status StatusOf(PublishCode code);

// OUT_OF_RANGE: a read from `since` found the gap that is in `read`. `epoch`: of the engine.
absl::Status GapError(const ReadResult& read, const v1::StreamPosition& since,
                      std::string_view epoch);

absl::Status DrainingError();

}  // namespace channel
