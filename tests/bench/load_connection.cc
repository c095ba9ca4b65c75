#include "tests/bench/load_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "tests/bench/message.h"

namespace channel::bench {
namespace {

// The key and the answer to it of RFC 6455 section 1.3.
constexpr std::string_view kUpgradeRequest =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr std::string_view kUpgradeAnswer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr size_t kFrameHeaderBytesMax = 10;
constexpr size_t kCarryBytes = kMessageBytesMax + kFrameHeaderBytesMax;

sockaddr_in Loopback(uint32_t address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

}  // namespace

int LoadConnection::Start(uint32_t source, uint16_t port) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return -1;
  const int on = 1;
  const timeval patience{5, 0};  // bounds connect() too, socket(7)
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in from = Loopback(source, 0);
  const sockaddr_in to = Loopback(INADDR_LOOPBACK, port);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      send(fd_, kUpgradeRequest.data(), kUpgradeRequest.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(kUpgradeRequest.size())) {
    const int error = errno;
    Close();
    errno = error;
    return -1;
  }
  return fd_;
}

void LoadConnection::OnReadable(char* scratch, size_t scratch_bytes) {
  if (carry_bytes_ > 0) std::memcpy(scratch, carry_.get(), carry_bytes_);
  const ssize_t got =
      recv(fd_, scratch + carry_bytes_, scratch_bytes - carry_bytes_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Break();
  std::string_view data(scratch, carry_bytes_ + static_cast<size_t>(got));
  carry_bytes_ = 0;
  while (!data.empty() && open()) {
    const size_t used = upgraded_ ? TakeFrame(data) : TakeUpgrade(data);
    if (used == 0) break;
    data.remove_prefix(used);
  }
  if (!open() || data.empty()) return;
  if (data.size() > kCarryBytes) return Break();
  if (!carry_) carry_ = std::make_unique<char[]>(kCarryBytes);
  std::memcpy(carry_.get(), data.data(), data.size());
  carry_bytes_ = static_cast<uint32_t>(data.size());
}

size_t LoadConnection::TakeUpgrade(std::string_view data) {
  const size_t end = data.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = data.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101 ") || head.find(kUpgradeAnswer) == std::string_view::npos) {
    Break();
    return 0;
  }
  upgraded_ = true;
  ++totals_->upgraded;
  return end + 4;
}

// Returns the bytes of the first frame, 0 if it is not complete.
size_t LoadConnection::TakeFrame(std::string_view data) {
  if (data.size() < 2) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
  size_t header = 2;
  size_t length = byte(1);  // a server does not mask, so the first bit is 0
  if (length == 126) {
    header = 4;
    if (data.size() < header) return 0;
    length = static_cast<size_t>(byte(2) << 8 | byte(3));
  } else if (length >= 127) {
    header = 10;
    if (data.size() < header) return 0;
    length = static_cast<size_t>(byte(7) << 16 | byte(8) << 8 | byte(9));  // enough for 64 KiB
  }
  if (length > kMessageBytesMax) {
    ++totals_->faults.damaged;
    Break();
    return 0;
  }
  if (data.size() < header + length) return 0;
  const std::string_view payload = data.substr(header, length);
  switch (byte(0)) {
    case 0x81:
      OnText(payload);
      break;
    case 0x89:  // ping
      if (!SendFrame(0xA, payload)) Break();
      break;
    case 0x88:
      Break();
      break;
    default:
      ++totals_->faults.damaged;
  }
  return header + length;
}

void LoadConnection::OnText(std::string_view text) {
  ++totals_->messages;
  if (text.starts_with("probe ")) {
    uint64_t number = 0;
    std::from_chars(text.data() + 6, text.data() + text.size(), number);
    if (number == totals_->probe && probe_ != number) ++totals_->probed;
    probe_ = number;
    return;
  }
  const uint64_t sequence = ReadMessage(text);
  if (sequence == 0) {
    ++totals_->faults.damaged;
    return;
  }
  const bool was_done = check_.next() >= totals_->goal;
  check_.OnMessage(sequence, totals_->faults);
  if (!was_done && check_.next() >= totals_->goal) ++totals_->done;
}

bool LoadConnection::SendFrame(uint8_t opcode, std::string_view payload) {
  char frame[8 + 512];
  if (payload.size() > 512) return false;
  size_t size = 0;
  const auto put = [&](size_t value) { frame[size++] = static_cast<char>(value); };
  put(0x80u | opcode);
  if (payload.size() < 126) {
    put(0x80 | payload.size());
  } else {
    put(0x80 | 126);
    put(payload.size() >> 8);
    put(payload.size() & 0xff);
  }
  const char mask[4] = {0x12, 0x34, 0x56, 0x78};
  for (const char c : mask) frame[size++] = c;
  for (size_t i = 0; i < payload.size(); ++i) {
    frame[size++] = static_cast<char>(payload[i] ^ mask[i % 4]);
  }
  return send(fd_, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

void LoadConnection::Break() {
  ++totals_->faults.closed;
  Close();
}

void LoadConnection::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace channel::bench
