// The groups that had publications and are not in memory any more: whether a group may be one.
//
// The memory engine owns it; loop thread only. A Bloom filter, which does not grow: a group that
// was forgotten is always found; with 8 MiB 0.02 % of the others are taken for one after 2 million
// groups, 2 % after 8 million, 24 % after 20 million. It takes memory with the first group.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "absl/hash/hash.h"
#include "channel_service/base/check.h"
#include "channel_service/base/strings.h"

namespace channel {

class ForgottenGroups {
 public:
  // `bytes_max`: at least 8; the filter takes a power of two of them.
  explicit ForgottenGroups(size_t bytes_max)
      : words_count_(std::bit_floor(bytes_max) / kWordBytes) {}

  void Add(std::string_view group_id) {
    if (words_ == nullptr) {
      // The kernel gives the pages when they are written to.
      words_.reset(static_cast<uint64_t*>(std::calloc(words_count_, kWordBytes)));
      CHANNEL_CHECK(words_ != nullptr);
    }
    for (const size_t bit : BitsOf(group_id)) words_.get()[bit / 64] |= uint64_t{1} << bit % 64;
  }

  bool MayHave(std::string_view group_id) const {
    if (words_ == nullptr) return false;
    for (const size_t bit : BitsOf(group_id)) {
      if ((words_.get()[bit / 64] >> bit % 64 & 1) == 0) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kWordBytes = sizeof(uint64_t);
  static constexpr size_t kBitsPerGroup = 4;

  std::array<size_t, kBitsPerGroup> BitsOf(std::string_view group_id) const {
    const uint64_t hash = absl::HashOf(ToAbsl(group_id));
    std::array<size_t, kBitsPerGroup> bits{};
    uint64_t at = hash;
    for (size_t& bit : bits) {
      bit = at & (words_count_ * 64 - 1);
      at += hash >> 32 | 1;
    }
    return bits;
  }

  struct Free {
    void operator()(uint64_t* words) const { std::free(words); }
  };
  const size_t words_count_;
  std::unique_ptr<uint64_t, Free> words_;
};

}  // namespace channel
