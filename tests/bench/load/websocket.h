// The client's side of RFC 6455, as much as the load clients need, without allocation per message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace channel::bench {

// Opcodes with the FIN bit (RFC 6455 section 5.2): the first byte of every frame that is expected.
inline constexpr uint8_t kTextFrame = 0x81;
inline constexpr uint8_t kBinaryFrame = 0x82;
inline constexpr uint8_t kCloseFrame = 0x88;
inline constexpr uint8_t kPingFrame = 0x89;
inline constexpr uint8_t kPongFrame = 0x8A;

// The request for `target`; the key is that of RFC 6455 section 1.3, so that the answer is known.
std::string UpgradeRequest(std::string_view target);

// The answer of bench_raw to it.
inline constexpr std::string_view kUpgradeAnswer =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

// The first words of a client of nats-server; answered with a PONG.
inline constexpr std::string_view kNatsConnect =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\","
    "\"protocol\":1}\r\nPING\r\n";

// The length of the answer to UpgradeRequest at the start of `data`: 0 while it is not complete.
size_t ReadUpgrade(std::string_view data, bool& accepted);

// The header of a frame from a server (which does not mask).
struct FrameHeader {
  uint8_t first = 0;   // FIN, reserved bits, opcode
  uint32_t bytes = 0;  // of the header; 0: not complete yet
  uint64_t payload_bytes = 0;
};

inline FrameHeader ReadFrameHeader(std::string_view data) {
  FrameHeader header;
  if (data.size() < 2) return header;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
  header.first = byte(0);
  const uint8_t length = byte(1);  // a mask bit shows as a length that nobody sends
  const size_t more = length < 126 ? 0 : length == 126 ? 2 : 8;
  if (data.size() < 2 + more) return header;
  header.payload_bytes = more == 0 ? length : 0;
  for (size_t i = 0; i < more; ++i) {
    header.payload_bytes = header.payload_bytes << 8 | byte(2 + i);
  }
  header.bytes = static_cast<uint32_t>(2 + more);
  return header;
}

inline constexpr size_t kFrameHeaderBytesMax = 10;  // without the mask

// Writes the header of a frame so that it ends at `end`; returns where it starts.
char* PutFrameHeader(uint8_t first, size_t payload_bytes, bool masked, char* end);

// A frame of a client, made in place: the payload is appended to `payload_end()`, then Finish puts
// the header before it and masks it.
class ClientFrame {
 public:
  static constexpr size_t kPayloadBytesMax = 80 * 1024;

  char* payload_end() { return buffer_ + kHeaderRoom + bytes_; }
  void Append(std::string_view text) {
    std::memcpy(payload_end(), text.data(), text.size());
    bytes_ += text.size();
  }
  void Grow(size_t bytes) { bytes_ += bytes; }

  // The whole frame, valid until the next call of anything; the payload starts empty again.
  std::string_view Finish(uint8_t first);

 private:
  static constexpr size_t kHeaderRoom = 16;  // 2, length 8, mask 4; payload aligned for the mask
  size_t bytes_ = 0;
  alignas(8) char buffer_[kHeaderRoom + kPayloadBytesMax + 8];
};

}  // namespace channel::bench
