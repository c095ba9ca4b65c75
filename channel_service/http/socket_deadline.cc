#include "channel_service/http/socket_deadline.h"

namespace channel {
namespace {

constexpr std::chrono::milliseconds kCancelInterval{100};

}  // namespace

void SocketDeadline::Set(Time time) {
  over_ = false;
  Wait(time);
}

void SocketDeadline::Stop() { timer_.expires_at(Time::max()); }

void SocketDeadline::Wait(Time time) {
  timer_.expires_at(time);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    // Another time may have been set while this handler waited for its turn.
    if (self->timer_.expiry() <= std::chrono::steady_clock::now()) self->OnTime();
  });
}

// Repeats the cancel: it reaches neither an operation that has ended while its handler has not run,
// nor the one that this handler begins.
void SocketDeadline::OnTime() {
  over_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  Wait(std::chrono::steady_clock::now() + kCancelInterval);
}

}  // namespace channel
