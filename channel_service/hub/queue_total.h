// The bytes that wait for all subscribers together, with those that gRPC has and their clients have
// not taken.
//
// The server owns it; loop thread only. Over the bound the fullest queues are dropped of the
// address that has most, as if they were over their own bound: who does not read costs others
// nothing. The subscribers that come over Unix sockets, whom the operator lets in, have a bound of
// their own.
#pragma once

#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "channel_service/base/peer_address.h"

namespace channel {

class Subscriber;

class QueueTotal {
 public:
  // `bytes_max`: of all who come over the network, and of all others.
  explicit QueueTotal(size_t bytes_max) : bytes_max_(bytes_max) {}
  QueueTotal(const QueueTotal&) = delete;
  QueueTotal& operator=(const QueueTotal&) = delete;

  // For subscribers, each of which is added from its constructor to its destructor.
  void Add(Subscriber* subscriber) { subscribers_.insert(subscriber); }
  void Remove(Subscriber* subscriber) {
    subscribers_.erase(subscriber);
    for (Pool* pool : {&network_, &unix_}) pool->drop_above = bytes_max_;
  }

  // The subscribers that share a bound.
  struct Pool {
    size_t bytes = 0;       // that wait for all of them
    size_t drop_above = 0;  // the bound, or more if no more can be dropped at the moment
  };
  Pool* PoolOf(PeerAddress peer) { return peer == PeerAddress::kUnix ? &unix_ : &network_; }
  // A subscriber holds more. May drop queues, also that of the caller.
  void Grow(Pool* pool, size_t bytes) {
    pool->bytes += bytes;
    if (pool->bytes > pool->drop_above) Drop(pool);
  }

 private:
  void Drop(Pool* pool);

  const size_t bytes_max_;
  Pool network_{.drop_above = bytes_max_};
  Pool unix_{.drop_above = bytes_max_};
  absl::flat_hash_set<Subscriber*> subscribers_;
};

}  // namespace channel
