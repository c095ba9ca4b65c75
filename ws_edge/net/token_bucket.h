// A token bucket: so many tokens a second, and at most so many at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"

namespace edge {

// One time says how many tokens there are: that at which the bucket is full again.
class TokenBucket {
 public:
  // Takes `cost` tokens, even if there are fewer: what was done for a client cannot be undone, but
  // it waits until the debt is paid.
  void Take(double cost, const TokenRate& rate, channel::SteadyTime now) {
    if (rate.per_second == 0) return;
    full_at_ = std::max(full_at_, now) + TimeFor(cost, rate);
  }
  // True if tokens are owed.
  bool InDebt(const TokenRate& rate, channel::SteadyTime now) const {
    return rate.per_second != 0 && full_at_ > now + TimeFor(static_cast<double>(rate.burst), rate);
  }
  void Fill() { full_at_ = {}; }

 private:
  static std::chrono::nanoseconds TimeFor(double tokens, const TokenRate& rate) {
    return std::chrono::nanoseconds(
        static_cast<int64_t>(tokens * 1e9 / static_cast<double>(rate.per_second)));
  }

  channel::SteadyTime full_at_ = {};
};

}  // namespace edge
