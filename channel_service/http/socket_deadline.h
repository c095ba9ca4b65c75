// The time by which the operations of a socket must have ended: it cancels them then.
//
// Loop thread. The owner of the socket holds it by shared_ptr, and stops it before the socket moves
// elsewhere.
#pragma once

#include <chrono>
#include <memory>

#include "channel_service/http/socket.h"

namespace channel {

class SocketDeadline : public std::enable_shared_from_this<SocketDeadline> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SocketDeadline(Socket& socket) : socket_(socket), timer_(socket.get_executor()) {}

  // Replaces the time that was set before.
  void Set(Time time);
  void Stop();
  // Returns whether the time that was set has passed.
  bool over() const { return over_; }

 private:
  void Wait(Time time);
  void OnTime();

  Socket& socket_;
  LoopTimer timer_;
  bool over_ = false;
};

}  // namespace channel
