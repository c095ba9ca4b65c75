#include "tests/bench/load/websocket.h"

namespace channel::bench {
namespace {

constexpr std::string_view kAccepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

}  // namespace

std::string UpgradeRequest(std::string_view target) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

size_t ReadUpgrade(std::string_view data, bool& accepted) {
  const size_t end = data.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = data.substr(0, end);
  accepted = head.starts_with("HTTP/1.1 101 ") && head.find(kAccepted) != std::string_view::npos;
  return end + 4;
}

char* PutFrameHeader(uint8_t first, size_t payload_bytes, bool masked, char* end) {
  const size_t length_bytes = payload_bytes < 126 ? 0 : payload_bytes < 65536 ? 2 : 8;
  char* const start = end - 2 - length_bytes;
  start[0] = static_cast<char>(first);
  const size_t length = length_bytes == 0 ? payload_bytes : length_bytes == 2 ? 126 : 127;
  start[1] = static_cast<char>((masked ? 0x80 : 0) | length);
  for (size_t i = 0; i < length_bytes; ++i) {
    start[2 + i] = static_cast<char>(payload_bytes >> (8 * (length_bytes - 1 - i)) & 0xff);
  }
  return start;
}

std::string_view ClientFrame::Finish(uint8_t first) {
  // Any mask will do: it protects proxies, and there is none here. Not 0, so that it is undone.
  constexpr unsigned char kMask[8] = {0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78};
  uint64_t mask = 0;
  std::memcpy(&mask, kMask, sizeof mask);
  char* const payload = buffer_ + kHeaderRoom;
  for (size_t i = 0; i < bytes_; i += sizeof mask) {
    uint64_t word = 0;
    std::memcpy(&word, payload + i, sizeof word);
    word ^= mask;
    std::memcpy(payload + i, &word, sizeof word);
  }
  char* const start = PutFrameHeader(first, bytes_, /*masked=*/true, payload - 4);
  std::memcpy(payload - 4, kMask, 4);
  const std::string_view frame(start, static_cast<size_t>(payload - start) + bytes_);
  bytes_ = 0;
  return frame;
}

}  // namespace channel::bench
