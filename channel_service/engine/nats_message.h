// A message as NATS brought it, with the few headers that the engine looks at.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace channel {

struct NatsMessageDeleter {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

struct NatsMessage {
  std::string_view subject() const { return natsMsg_GetSubject(message.get()); }
  std::string_view data() const {
    return {natsMsg_GetData(message.get()),
            static_cast<size_t>(natsMsg_GetDataLength(message.get()))};
  }

  std::unique_ptr<natsMsg, NatsMessageDeleter> message;
  // Of a message that comes from a stream (Nats-Sequence); 0 = it does not.
  uint64_t sequence = 0;
  // Of one that was just stored: the message before it on its subject that the stream still held
  // (Nats-Last-Sequence); 0 = none.
  uint64_t last_sequence = 0;
  // Of an answer that is only a status: 404 (no such message), 503 (nobody answers) …; 0 = none.
  int status = 0;
};

}  // namespace channel
