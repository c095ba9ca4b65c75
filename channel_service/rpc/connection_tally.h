// Counts what the calls of one connection (or of all that come over Unix sockets) have received.
// The acceptor's thread makes it, the loop's thread counts, the guard's thread reads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "channel_service/rpc/peer.h"

namespace channel {

// Bytes on the wire around a message: headers of its call, frames. Bounds nothing: it is an
// estimate in the peer's favour.
inline constexpr uint64_t kBytesAroundMessage = 1024;

class ConnectionTally {
 public:
  explicit ConnectionTally(PeerAddress address) : address_(address) {}

  PeerAddress address() const { return address_; }

  // A call is open, until it is not.
  void OnOpened() {
    Add(open_calls_, 1);
    Add(calls_, 1);
  }
  void OnClosed() { Add(open_calls_, uint64_t{0} - 1); }
  // A call has got a message of so many bytes.
  void OnMessage(size_t bytes) { Add(explained_bytes_, bytes + kBytesAroundMessage); }
  // A call was for nothing (guard_rules.h, kWastedCallsMax).
  void OnWasted() { Add(wasted_, 1); }
  // For the guard: the connection is over; calls that came before may still be handed out.
  void OnGone() { gone_.store(true, std::memory_order_relaxed); }

  // Bytes that messages explain, at most.
  uint64_t explained_bytes() const { return explained_bytes_.load(std::memory_order_relaxed); }
  // Counts all calls that were ever open.
  uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  uint64_t open_calls() const { return open_calls_.load(std::memory_order_relaxed); }
  uint64_t wasted() const { return wasted_.load(std::memory_order_relaxed); }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

 private:
  // Only one thread writes.
  static void Add(std::atomic<uint64_t>& counter, uint64_t count) {
    counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  const PeerAddress address_;
  std::atomic<uint64_t> explained_bytes_ = 0;
  std::atomic<uint64_t> open_calls_ = 0;
  std::atomic<uint64_t> calls_ = 0;
  std::atomic<uint64_t> wasted_ = 0;
  std::atomic<bool> gone_ = false;
};

}  // namespace channel
