// The sends of clients that are not answered yet: a share for each client, and a bound for all.
//
// A send counts from its command to its answer, wherever it waits meanwhile: behind other commands,
// for a join, for the channel service. A client with kUnansweredSendsMax of them, or with its part
// of the bytes, is not read until some are answered; its part is an eighth of what is free, at most
// kUnansweredBytesMax, so that those who have much are held first, and who has nothing finds room.
// Owned by the groups' context; loop thread only. Bound: publish_queue_bytes_max.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ws_edge/limits.h"
#include "ws_edge/protocol/client.h"

namespace edge {

// A client's part; kept by its participant.
struct SendShare {
  size_t bytes = 0;
  uint32_t count = 0;
  bool held = false;  // the client is not read
};

class SendBudget {
 public:
  explicit SendBudget(const EdgeLimits& limits) : limits_(limits) {}

  // A send has come. False: nothing is free; it is to be refused.
  bool Take(Client& client, SendShare& share, size_t bytes) {
    if (bytes > free()) return false;
    taken_ += bytes;
    share.bytes += bytes;
    ++share.count;
    const bool full = share.count >= kUnansweredSendsMax || share.bytes >= part();
    if (full && !share.held) Hold(client, share, true);
    return true;
  }
  // A send is answered. With no client, if that is gone.
  void GiveBack(size_t bytes) { taken_ -= bytes; }
  void GiveBack(Client& client, SendShare& share, size_t bytes) {
    GiveBack(bytes);
    share.bytes -= bytes;
    --share.count;
    if (!share.held) return;
    // Not at once for each answer: a client that has few again sends many in one turn.
    const bool has_room = share.count <= kUnansweredSendsMax / 2 && share.bytes <= part() / 2;
    if (has_room || share.count == 0) Hold(client, share, false);
  }

 private:
  size_t free() const {
    return limits_.publish_queue_bytes_max - std::min(taken_, limits_.publish_queue_bytes_max);
  }
  size_t part() const { return std::min(kUnansweredBytesMax, free() / 8); }
  static void Hold(Client& client, SendShare& share, bool held) {
    share.held = held;
    client.HoldCommands(held);
  }

  const EdgeLimits& limits_;
  size_t taken_ = 0;
};

}  // namespace edge
