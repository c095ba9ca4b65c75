// The bytes that wait for all subscribers together.
//
// The server owns it; loop thread only. Over the bound the fullest queue is dropped, as if it were
// over its own: many clients that do not read cost those that do nothing.
#pragma once

#include <cstddef>

#include "absl/container/flat_hash_set.h"

namespace channel {

class Subscriber;

class QueueTotal {
 public:
  explicit QueueTotal(size_t bytes_max) : bytes_max_(bytes_max) {}
  QueueTotal(const QueueTotal&) = delete;
  QueueTotal& operator=(const QueueTotal&) = delete;

  size_t bytes() const { return bytes_; }

  // For subscribers, each of which is added from its constructor to its destructor.
  void Add(Subscriber* subscriber) { subscribers_.insert(subscriber); }
  void Remove(Subscriber* subscriber) { subscribers_.erase(subscriber); }
  // May drop queues, also that of the caller.
  void Grow(size_t bytes);
  void Shrink(size_t bytes) { bytes_ -= bytes; }

 private:
  Subscriber* Fullest() const;

  const size_t bytes_max_;
  size_t bytes_ = 0;
  absl::flat_hash_set<Subscriber*> subscribers_;
};

}  // namespace channel
