// Deadlines of sessions: to complete a message that has begun, and to answer a close frame; and the
// sessions that are not read until they may send again.
//
// Owned by the edge server; loop thread only. The first begins with the first byte of a message,
// and again when a session that was held is read. The second begins with the close frame, and
// again, up to kCloseLongest, while the peer takes what is queued before it. A loop that was held
// up (frozen process, long turn) reads first what has come meanwhile, and judges in the next sweep.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"

namespace edge {

class Session;

class SessionDeadlines {
 public:
  SessionDeadlines(const EdgeLimits& limits, const channel::Clock& clock)
      : limits_(limits), clock_(clock), last_sweep_(clock.Now()) {}

  // The session has queued a close frame behind what it has to send.
  void OnClosing(Session* session);
  // A message has begun and is not complete (or is, now, or the session is over).
  void OnMessageIncomplete(Session* session, bool incomplete);

  // Nothing is read of the session until a sweep lets it go on.
  void OnReadHeld(Session* session);

  // Must be called each kSweepInterval: closes and ends overdue sessions.
  void Sweep();

 private:
  void LetHeldGoOn();

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
  std::vector<std::weak_ptr<Session>> held_;
};

}  // namespace edge
