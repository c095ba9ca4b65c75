// Paces an address that keeps the loop busy with calls over many connections.
//
// gRPC makes a call of each header that it reads, 60 µs each, before anybody is asked: 100 calls on
// each of 40 connections hold everybody up for 0.2 s, again and again. They are good calls, so none
// is refused: while the loop is busy, and most of that with such a crowd, the crowd's connections
// are read in turn, a little each time. The kernel keeps the others from gRPC (SO_RCVLOWAT).
//
// The guard owns it; its thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "channel_service/base/clock.h"
#include "channel_service/base/peer_address.h"
#include "channel_service/rpc/guarded_connection.h"

namespace channel {

class CrowdPacer {
 public:
  // Returns whether Pace must be called now. `loop_cpu`: what the loop's thread has used.
  bool IsDue(SteadyTime now, std::chrono::nanoseconds loop_cpu);
  // Looks for a crowd among all connections, and lets the next ones of it be read.
  void Pace(const std::vector<GuardedConnectionPtr>& connections);

  bool pacing() const { return crowd_ != PeerAddress::kNobody; }

 private:
  PeerAddress FindCrowd(const std::vector<GuardedConnectionPtr>& connections);
  void Take(std::vector<GuardedConnectionPtr> members);
  static void HoldBack(GuardedConnection* connection, bool hold);

  SteadyTime at_ = {};                    // of the last window's end
  std::chrono::nanoseconds loop_cpu_{0};  // then
  bool window_is_over_ = false;
  bool busy_ = false;      // in the last window
  bool was_busy_ = false;  // in the window before, so that calls were counted
  PeerAddress crowd_ = PeerAddress::kNobody;
  SteadyTime paced_until_ = {};
  uint64_t last_read_ = 0;  // the connection of the crowd that was read last
};

}  // namespace channel
