// What the sessions of bench_swarm say to each other: 32 letters of header, then filler that
// depends on it. Valid inside a JSON string, and read in a few nanoseconds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tests/bench/load/message.h"

namespace channel::bench {

struct SwarmMessage {
  static constexpr uint32_t kHeaderBytes = 32;

  uint32_t sender = 0;
  uint32_t sequence = 0;  // of the sender: 1, 2, 3 …; 0 marks a probe
  uint64_t stamp = 0;     // when it was due, CLOCK_MONOTONIC in ns; of a probe: its number
};

static_assert(std::endian::native == std::endian::little, "the digits are moved as words");

// Eight hexadecimal digits, the least one first, as "@ABCDEFGHIJKLMNO".
inline void WriteDigits(uint32_t value, char* to) {
  uint64_t x = value;
  x = (x | x << 16) & 0x0000FFFF0000FFFF;
  x = (x | x << 8) & 0x00FF00FF00FF00FF;
  x = (x | x << 4) & 0x0F0F0F0F0F0F0F0F;
  x |= 0x4040404040404040;
  std::memcpy(to, &x, sizeof x);
}

// Sets bits of `wrong` that are not 0 if these are not digits.
inline uint32_t ReadDigits(const char* from, uint64_t& wrong) {
  uint64_t x = 0;
  std::memcpy(&x, from, sizeof x);
  x ^= 0x4040404040404040;
  wrong |= x & 0xF0F0F0F0F0F0F0F0;
  x = (x | x >> 4) & 0x00FF00FF00FF00FF;
  x = (x | x >> 8) & 0x0000FFFF0000FFFF;
  return static_cast<uint32_t>(x | x >> 16);
}

// `to` has room for `bytes`, at least SwarmMessage::kHeaderBytes.
inline void WriteSwarmMessage(const SwarmMessage& message, uint32_t bytes, char* to) {
  WriteDigits(message.sender, to);
  WriteDigits(message.sequence, to + 8);
  WriteDigits(static_cast<uint32_t>(message.stamp), to + 16);
  WriteDigits(static_cast<uint32_t>(message.stamp >> 32), to + 24);
  const uint32_t filler = bytes - SwarmMessage::kHeaderBytes;
  std::memcpy(to + SwarmMessage::kHeaderBytes,
              Letters(message.sender + message.sequence, filler).data(), filler);
}

// False if it is damaged. Every byte is checked; the length is for the caller to check.
inline bool ReadSwarmMessage(std::string_view text, SwarmMessage& message) {
  if (text.size() < SwarmMessage::kHeaderBytes || text.size() > kMessageBytesMax) return false;
  uint64_t wrong = 0;
  message.sender = ReadDigits(text.data(), wrong);
  message.sequence = ReadDigits(text.data() + 8, wrong);
  message.stamp = ReadDigits(text.data() + 16, wrong);
  message.stamp |= static_cast<uint64_t>(ReadDigits(text.data() + 24, wrong)) << 32;
  if (wrong != 0) return false;
  const std::string_view filler = text.substr(SwarmMessage::kHeaderBytes);
  return filler == Letters(message.sender + message.sequence, filler.size());
}

}  // namespace channel::bench
