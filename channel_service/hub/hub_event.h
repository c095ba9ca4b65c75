// Makes records of the events of a Subscribe stream that are no publications.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "channel_service/engine/engine.h"

namespace channel {

// Appends `subscribed`, the answer to a subscription: `read` is what it misses.
void AppendSubscribed(std::string_view group_id, std::string_view epoch, uint64_t tag,
                      const ReadResult& read, std::string* out);
void AppendGap(std::string_view group_id, std::string_view epoch, const GapInfo& gap,
               std::string* out);

}  // namespace channel
