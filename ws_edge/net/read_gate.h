// How fast a connection is read: each has a bucket of commands and one of bytes.
//
// A client that asks for more than its tokens pay is not refused: its socket is not read until it
// has tokens again, so TCP slows it down. Owned by the session, asked by its CorkedStream before
// each read; loop thread only. A held read goes on in a sweep (SessionDeadlines).
#pragma once

#include <absl/functional/any_invocable.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/frame_meter.h"
#include "ws_edge/net/token_bucket.h"

namespace edge {

class ReadGate {
 public:
  class Observer {
   public:
    // A message has begun and is not complete (or is, now). Told again, with true, when the next
    // one has begun.
    virtual void OnMessageIncomplete(bool incomplete) = 0;
    // A read is held; TryGoOn is to be called until it goes on.
    virtual void OnReadHeld() = 0;

   protected:
    ~Observer() = default;
  };
  // Starts the read; or, if `aborted`, ends it.
  using Read = absl::AnyInvocable<void(bool aborted)>;

  ReadGate(const PaceLimits& limits, const channel::Clock& clock, Observer& observer)
      : limits_(limits), clock_(clock), observer_(observer) {}

  // For the stream. False: the next read must be held.
  bool open();
  void Hold(Read read);
  // The socket gave `size` bytes, which are at the begin of the buffers.
  template <typename Buffers>
  void OnRead(const Buffers& buffers, size_t size) {
    FrameMeter::Passed passed;
    size_t left = size;
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         left > 0 && it != boost::asio::buffer_sequence_end(buffers); ++it) {
      const boost::asio::const_buffer buffer = *it;
      const size_t bytes = std::min(left, buffer.size());
      meter_.Add(buffer.data(), bytes, &passed);
      left -= bytes;
    }
    Charge(passed, size, size < boost::asio::buffer_size(buffers));
  }

  // A message costs one command. What it makes the edge do may cost more: as much as so many
  // further commands, when it was just read; or as so many bytes from the client.
  void ChargeCommands(double commands) { commands_.Take(commands, limits_.commands, read_at_); }
  void ChargeBytes(size_t bytes) {
    bytes_.Take(static_cast<double>(bytes), limits_.bytes, clock_.Now());
  }

  bool held() const { return over_ != nullptr && over_->read != nullptr; }
  // How long reads have been held, without a moment in which the client had nothing more to read.
  std::chrono::milliseconds over_for() const;
  // Lets the held read go on if there are tokens.
  void TryGoOn();
  // Ends the held read: the connection is over.
  void Abort() { Release(/*aborted=*/true); }
  // The client asks for nothing any more: what it owes is forgiven.
  void Forgive();

 private:
  // Made by the first read that is held, and gone when all that the client sent is read and paid.
  struct Over {
    channel::SteadyTime since;
    Read read;
  };

  void Charge(const FrameMeter::Passed& passed, size_t bytes, bool read_all);
  void Release(bool aborted);
  bool InDebt(channel::SteadyTime now) const {
    return commands_.InDebt(limits_.commands, now) || bytes_.InDebt(limits_.bytes, now);
  }

  const PaceLimits& limits_;
  const channel::Clock& clock_;
  Observer& observer_;
  FrameMeter meter_;
  bool incomplete_told_ = false;
  TokenBucket commands_;
  TokenBucket bytes_;
  channel::SteadyTime read_at_ = {};
  std::unique_ptr<Over> over_;
};

}  // namespace edge
