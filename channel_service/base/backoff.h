// Exponential back-off with full jitter, so that many clients of one dead server do not return at
// once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace channel {

class Backoff {
 public:
  using Millis = std::chrono::milliseconds;

  // The n-th wait is uniform in [first/2, first·2ⁿ], at most `longest`.
  Backoff(Millis first, Millis longest, uint64_t seed)
      : first_(first), longest_(longest), next_(first), random_(seed) {}

  Millis Next() {
    std::uniform_int_distribution<int64_t> pick(first_.count() / 2, next_.count());
    next_ = std::min(longest_, next_ * 2);
    return Millis(pick(random_));
  }

  // After a success.
  void Reset() { next_ = first_; }

 private:
  const Millis first_;
  const Millis longest_;
  Millis next_;
  std::mt19937_64 random_;
};

}  // namespace channel
