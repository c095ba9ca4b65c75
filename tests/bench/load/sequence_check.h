// Tells loss, repetition and reordering of one receiver's numbered messages apart.
#pragma once

#include <boost/json.hpp>
#include <cstdint>

namespace channel::bench {

struct Faults {
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t damaged = 0;  // not what was sent: wrong bytes, not a text frame
  uint64_t closed = 0;   // connections that the server ended

  // Adds the faults that came after `before`.
  void AddTo(boost::json::object& result, const Faults& before) const {
    result["lost"] = lost - before.lost;
    result["duplicated"] = duplicated - before.duplicated;
    result["reordered"] = reordered - before.reordered;
    result["damaged"] = damaged - before.damaged;
    result["closed"] = closed - before.closed;
  }
};

// No allocation; remembers the last 64 numbers, so a message that comes later than that counts as a
// duplicate, and the loss stays counted.
class SequenceCheck {
 public:
  explicit SequenceCheck(uint64_t first = 1) : next_(first) {}

  // The number that should come next.
  uint64_t next() const { return next_; }

  void OnMessage(uint64_t sequence, Faults& faults) {
    if (sequence >= next_) {
      const uint64_t skipped = sequence - next_;
      faults.lost += skipped;
      seen_ = skipped >= 63 ? 1 : seen_ << (skipped + 1) | 1;
      next_ = sequence + 1;
      return;
    }
    const uint64_t age = next_ - 1 - sequence;
    if (age < 64 && (seen_ >> age & 1) == 0) {
      seen_ |= uint64_t{1} << age;
      ++faults.reordered;
      --faults.lost;
    } else {
      ++faults.duplicated;
    }
  }

 private:
  uint64_t next_;
  uint64_t seen_ = ~uint64_t{0};  // bit i: next_ - 1 - i has come
};

}  // namespace channel::bench
