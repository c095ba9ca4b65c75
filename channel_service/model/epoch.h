// The form of an epoch in the contract (proto/channel/v1/channel.proto).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace channel {

inline constexpr size_t kEpochBytesMax = 32;

// True for 1 to kEpochBytesMax letters and digits.
inline bool IsEpoch(std::string_view text) {
  return !text.empty() && text.size() <= kEpochBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

}  // namespace channel
