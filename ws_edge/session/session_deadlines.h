// What a session must do in time: complete a message that it has begun, and answer a close frame.
//
// Owned by the edge server; loop thread only. A deadline begins when there is something to wait
// for: with the first byte of a message's content; and for a close frame again and again, up to
// kCloseLongest, while the peer takes what is queued before it. A loop that was held up (frozen
// process, long turn) reads first what has come meanwhile, and judges in the next sweep.
#pragma once

#include <deque>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"

namespace edge {

class Session;

class SessionDeadlines {
 public:
  SessionDeadlines(const EdgeLimits& limits, const channel::Clock& clock)
      : limits_(limits), clock_(clock), last_sweep_(clock.Now()) {}

  // A close frame is queued behind what the session has to send.
  void OnClosing(Session* session);
  // A message has begun and is not complete (or is, now, or the session is over).
  void OnMessageIncomplete(Session* session, bool incomplete);

  // Each kSweepInterval: closes and ends what is overdue.
  void Sweep();

 private:
  struct Closing {
    channel::SteadyTime at;
    channel::SteadyTime latest;
    size_t queued_bytes;  // when it was last looked at
    std::weak_ptr<Session> session;
  };

  const EdgeLimits& limits_;
  const channel::Clock& clock_;
  channel::SteadyTime last_sweep_;
  std::deque<Closing> closing_;  // the next one first
  absl::flat_hash_map<Session*, channel::SteadyTime> message_began_;
};

}  // namespace edge
