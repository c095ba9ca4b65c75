// What the senders of the bench write and the load client checks, byte by byte: 16 hexadecimal
// digits of a sequence number that counts 1, 2, 3 … for all receivers, then letters that depend on
// it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace channel::bench {

inline constexpr uint32_t kSequenceBytes = 16;
inline constexpr uint32_t kMessageBytesMax = 65536;  // the edge's --message_bytes_max

// What a sender (the raw sender, or the publisher in front of the real system) reads on its
// standard input: "send so many messages to everybody now".
struct Order {
  uint32_t messages = 0;  // publisher: 0 = the text "probe BYTES" to every group of the set
  uint32_t bytes = 0;     // of one message, kSequenceBytes … kMessageBytesMax
  // Raw sender: 0 = one send per message and connection; 1 = one send for all messages; n ≥ 2 = one
  // send per message, first to connections 0, n, 2n …, then to 1, n + 1 …: the order that n groups
  // with members from everywhere have. Publisher: which of its sets of groups.
  uint32_t way = 0;
};

// Letters to compare with or to copy from; as long as any message that starts at any phase.
inline std::string_view Letters(uint64_t sequence, size_t bytes) {
  static const std::string letters = [] {
    std::string text(kMessageBytesMax + 26, ' ');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
  }();
  return std::string_view(letters).substr(sequence % 26, bytes);
}

// `to` has room for `bytes`.
inline void WriteMessage(uint64_t sequence, uint32_t bytes, char* to) {
  for (uint32_t i = 0; i < kSequenceBytes; ++i) {
    to[i] = "0123456789abcdef"[(sequence >> (60 - 4 * i)) & 15];
  }
  const std::string_view letters = Letters(sequence, bytes - kSequenceBytes);
  std::memcpy(to + kSequenceBytes, letters.data(), letters.size());
}

// The sequence number, or 0 if the message is not whole.
inline uint64_t ReadMessage(std::string_view message) {
  if (message.size() < kSequenceBytes || message.size() > kMessageBytesMax) return 0;
  uint64_t sequence = 0;
  for (uint32_t i = 0; i < kSequenceBytes; ++i) {
    const char c = message[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return 0;
    sequence = sequence << 4 | static_cast<uint64_t>(digit);
  }
  const std::string_view rest = message.substr(kSequenceBytes);
  return rest == Letters(sequence, rest.size()) ? sequence : 0;
}

}  // namespace channel::bench
