// PubAck: the reply of a stream to a message that was published for it.
#pragma once

#include <cstdint>
#include <string>

#include "channel_service/engine/jetstream/nats_message.h"

namespace channel {

struct PubAck {
  uint64_t sequence = 0;   // 0: the message is not stored
  bool duplicate = false;  // another message with its Nats-Msg-Id is stored, at `sequence`
  std::string error = {};  // for a log, why the message is not stored

  bool stored() const { return sequence != 0; }
};

PubAck ParsePubAck(const NatsMessage& reply);

}  // namespace channel
