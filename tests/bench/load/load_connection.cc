#include "tests/bench/load/load_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "tests/bench/load/message.h"
#include "tests/bench/load/websocket.h"

namespace channel::bench {
namespace {

constexpr size_t kFrameHeaderBytesMax = 10;
constexpr int kSendMillis = 10'000;
constexpr size_t kCarryBytes = kMessageBytesMax + kFrameHeaderBytesMax;

}  // namespace

int LoadConnection::Start(uint32_t source, uint16_t port) {
  static const std::string request = UpgradeRequest("/");
  fd_ = ConnectLoopback(source, port);
  if (fd_ < 0) return -1;
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    const int error = errno;
    Close();
    errno = error;
    return -1;
  }
  return fd_;
}

bool LoadConnection::SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    pollfd writable{fd_, POLLOUT, 0};
    if (poll(&writable, 1, kSendMillis) == 0) return false;
  }
  return true;
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
  size_t head_bytes = 0;
  switch (ReadUpgrade(data, head_bytes)) {
    case Upgrade::kIncomplete:
      return 0;
    case Upgrade::kRefused:
      Break();
      return 0;
    case Upgrade::kDone:
      break;
  }
  upgraded_ = true;
  ++totals_->upgraded;
  return head_bytes;
}

// Returns the bytes of the first frame, 0 if it is not complete.
size_t LoadConnection::TakeFrame(std::string_view data) {
  const FrameHeader header = ReadFrameHeader(data);
  if (header.bytes == 0) return 0;
  if (header.payload_bytes > kMessageBytesMax) {
    ++totals_->faults.damaged;
    Break();
    return 0;
  }
  const auto length = static_cast<size_t>(header.payload_bytes);
  if (data.size() < header.bytes + length) return 0;
  const std::string_view payload = data.substr(header.bytes, length);
  switch (header.first) {
    case kTextFrame:
      OnText(payload);
      break;
    case kPingFrame:
      if (!SendFrame(kPongFrame, payload)) Break();
      break;
    case kCloseFrame:
      Break();
      break;
    default:
      ++totals_->faults.damaged;
  }
  return header.bytes + length;
}

void LoadConnection::OnText(std::string_view text) {
  if (text.starts_with("probe ")) {
    uint64_t number = 0;
    std::from_chars(text.data() + 6, text.data() + text.size(), number);
    if (number != totals_->probe) return;  // an older one, or another client's
    if (probe_ != number) probes_ = 0;
    probe_ = number;
    if (++probes_ == totals_->probes) ++totals_->probed;
    return;
  }
  ++totals_->messages;
  const uint64_t sequence = ReadMessage(text);
  if (sequence == 0 || text.size() != totals_->message_bytes) {
    ++totals_->faults.damaged;
    return;
  }
  const bool was_done = check_.next() >= totals_->goal;
  check_.OnMessage(sequence, totals_->faults);
  if (!was_done && check_.next() >= totals_->goal) ++totals_->done;
}

bool LoadConnection::SendFrame(uint8_t first, std::string_view payload) {
  static ClientFrame maker;  // all connections are used on one thread
  if (payload.size() > ClientFrame::kPayloadBytesMax) return false;
  maker.Append(payload);
  const std::string_view frame = maker.Finish(first);
  return send(fd_, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(frame.size());
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
