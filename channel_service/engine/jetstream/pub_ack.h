// What NATS answers to a publication for a stream.
#pragma once

#include <cstdint>
#include <string>

#include "channel_service/engine/jetstream/nats_message.h"

namespace channel {

struct PubAck {
  bool stored = false;
  uint64_t offset = 0;     // if it is stored
  bool duplicate = false;  // by its message id; `offset` is that of the first
  std::string error = {};  // why it is not stored, for a log
};

PubAck ParsePubAck(const NatsMessage& answer);

}  // namespace channel
