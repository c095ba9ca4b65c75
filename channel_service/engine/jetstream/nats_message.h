// A message that NATS brought, with the few headers that the engine looks at.
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
  // Nats-Sequence; 0 = the message does not come from a stream.
  uint64_t sequence = 0;
  // Nats-Last-Sequence: the message before it on its subject that the stream held when it stored
  // this one; 0 = none.
  uint64_t last_sequence = 0;
  // The status of a reply without content: 404 (no such message), 503 (no responders) …; 0 = none.
  int status = 0;
};

}  // namespace channel
