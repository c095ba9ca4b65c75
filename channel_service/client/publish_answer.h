// What became of one publication that a client gave to the channel service.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "channel_service/model/publication.h"

namespace channel {

struct PublishAnswer {
  uint64_t token = 0;  // as given to Publish
  absl::Status status = {};
  bool retryable = false;  // if the status is not OK: the same publication may succeed later
  // If the status is OK: where it is in the log.
  StreamPosition position = {};
  bool duplicate = false;  // its key was seen before; `position` is that of the first
};

}  // namespace channel
