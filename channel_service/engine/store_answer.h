// What NATS answers to a publication for a stream.
#pragma once

#include <cstdint>
#include <string>

#include "channel_service/engine/nats_message.h"

namespace channel {

struct StoreAnswer {
  bool stored = false;
  uint64_t offset = 0;     // if it is stored
  bool duplicate = false;  // by its message id; `offset` is that of the first
  std::string error = {};  // why it is not stored, for a log
};

StoreAnswer ParseStoreAnswer(const NatsMessage& answer);

}  // namespace channel
