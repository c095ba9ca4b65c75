// The contract's form of an epoch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace channel {

inline constexpr size_t kEpochBytesMax = 32;

// 1 to kEpochBytesMax letters and digits.
inline bool IsEpoch(std::string_view text) {
  return !text.empty() && text.size() <= kEpochBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

}  // namespace channel
