// Latencies of millions of deliveries in a fixed 36 KiB: 128 buckets for each power of two, so a
// percentile is at most 0.8 % off.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace channel::bench {

class LatencyHistogram {
 public:
  void Add(int64_t ns) {
    const auto value = static_cast<uint64_t>(std::clamp<int64_t>(ns, 0, kMax));
    ++counts_[Bucket(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void Clear() { *this = LatencyHistogram(); }

  uint64_t max() const { return max_; }

  // The value that the share `p` (0 … 1) of all is not above; 0 if there are none.
  uint64_t Percentile(double p) const {
    const auto rank = static_cast<uint64_t>(p * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank) return std::min(Middle(i), max_);
    }
    return max_;
  }

 private:
  static constexpr int kBits = 7;
  static constexpr uint64_t kPerPower = 1u << kBits;
  static constexpr int64_t kMax = (int64_t{1} << 41) - 1;  // 36 minutes

  static size_t Bucket(uint64_t value) {
    if (value < kPerPower) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kBits;
    return (static_cast<uint64_t>(shift) << kBits) + (value >> shift);
  }

  static uint64_t Middle(uint64_t bucket) {
    if (bucket < 2 * kPerPower) return bucket;
    const uint64_t shift = (bucket >> kBits) - 1;
    return ((bucket - (shift << kBits)) << shift) + (uint64_t{1} << shift) / 2;
  }

  std::array<uint64_t, (41 - kBits + 1) * kPerPower> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace channel::bench
