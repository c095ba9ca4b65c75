// The messages of the bench: 32 letters of header, then filler that depends on it, so that a
// receiver can check every byte. Valid inside a JSON string, and read in a few nanoseconds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace channel::bench {

inline constexpr uint32_t kMessageBytesMin = 32;     // the header
inline constexpr uint32_t kMessageBytesMax = 65536;  // the edge's --message_bytes_max

struct Message {
  uint32_t sender = 0;
  uint32_t sequence = 0;  // of the sender: 1, 2, 3 …; 0 marks a probe
  uint64_t stamp = 0;     // when it was due, CLOCK_MONOTONIC in ns; of a probe: its number
};

// A sender (the raw server, or the publisher in front of the real system) reads orders on its
// standard input: "send so many messages to everybody now".
struct Order {
  uint32_t messages = 0;  // publisher: 0 = probe number `bytes` to every group of the set
  uint32_t bytes = 0;     // of one message, kMessageBytesMin … kMessageBytesMax
  // Raw server: 0 = one send per message and connection; 1 = one send for all messages; n ≥ 2 = one
  // send per message, first to connections 0, n, 2n …, then to 1, n + 1 …: the order that n groups
  // with members from everywhere have. Publisher: which of its sets of groups.
  uint32_t way = 0;
};

inline bool IsMessageSize(uint32_t bytes) {
  return bytes >= kMessageBytesMin && bytes <= kMessageBytesMax;
}

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

// The filler of a message, as a view of letters that are made once.
inline std::string_view Filler(const Message& message, size_t bytes) {
  static const std::string letters = [] {
    std::string text(kMessageBytesMax + 26, ' ');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
  }();
  return std::string_view(letters).substr((message.sender + message.sequence) % 26, bytes);
}

// `to` has room for `bytes`, at least kMessageBytesMin.
inline void WriteMessage(const Message& message, uint32_t bytes, char* to) {
  WriteDigits(message.sender, to);
  WriteDigits(message.sequence, to + 8);
  WriteDigits(static_cast<uint32_t>(message.stamp), to + 16);
  WriteDigits(static_cast<uint32_t>(message.stamp >> 32), to + 24);
  const std::string_view filler = Filler(message, bytes - kMessageBytesMin);
  std::memcpy(to + kMessageBytesMin, filler.data(), filler.size());
}

// Returns false if it is damaged. Every byte is checked; the length is for the caller to check.
inline bool ReadMessage(std::string_view text, Message& message) {
  if (text.size() < kMessageBytesMin || text.size() > kMessageBytesMax) return false;
  uint64_t wrong = 0;
  message.sender = ReadDigits(text.data(), wrong);
  message.sequence = ReadDigits(text.data() + 8, wrong);
  message.stamp = ReadDigits(text.data() + 16, wrong);
  message.stamp |= static_cast<uint64_t>(ReadDigits(text.data() + 24, wrong)) << 32;
  if (wrong != 0) return false;
  const std::string_view filler = text.substr(kMessageBytesMin);
  return filler == Filler(message, filler.size());
}

}  // namespace channel::bench
