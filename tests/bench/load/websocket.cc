#include "tests/bench/load/websocket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace channel::bench {
namespace {

constexpr std::string_view kAccepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

sockaddr_in Loopback(uint32_t address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

}  // namespace

int ConnectLoopback(uint32_t source, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  const timeval patience{5, 0};  // bounds connect() too, socket(7)
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in from = Loopback(source, 0);
  const sockaddr_in to = Loopback(INADDR_LOOPBACK, port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

std::string UpgradeRequest(std::string_view target) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

Upgrade ReadUpgrade(std::string_view data, size_t& head_bytes) {
  const size_t end = data.find("\r\n\r\n");
  if (end == std::string_view::npos) return Upgrade::kIncomplete;
  head_bytes = end + 4;
  const std::string_view head = data.substr(0, end);
  return head.starts_with("HTTP/1.1 101 ") && head.find(kAccepted) != std::string_view::npos
             ? Upgrade::kDone
             : Upgrade::kRefused;
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
  const size_t length_bytes = bytes_ < 126 ? 0 : bytes_ < 65536 ? 2 : 8;
  char* const start = payload - 6 - length_bytes;
  start[0] = static_cast<char>(first);
  const size_t length = length_bytes == 0 ? bytes_ : length_bytes == 2 ? 126 : 127;
  start[1] = static_cast<char>(0x80 | length);
  for (size_t i = 0; i < length_bytes; ++i) {
    start[2 + i] = static_cast<char>(bytes_ >> (8 * (length_bytes - 1 - i)) & 0xff);
  }
  std::memcpy(payload - 4, kMask, 4);
  const std::string_view frame(start, static_cast<size_t>(payload - start) + bytes_);
  bytes_ = 0;
  return frame;
}

}  // namespace channel::bench
