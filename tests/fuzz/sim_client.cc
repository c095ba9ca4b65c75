#include "tests/fuzz/sim_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

constexpr uint8_t kText = 0x81;
constexpr uint8_t kBinary = 0x82;
constexpr uint8_t kClose = 0x88;

// A final text frame with a mask of zeros, which changes nothing.
std::string ClientFrame(std::string_view text) {
  std::string frame;
  frame.push_back(static_cast<char>(kText));
  if (text.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | text.size()));
  } else {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(text.size() >> 8));
    frame.push_back(static_cast<char>(text.size() & 0xff));
  }
  frame.append(4, '\0');
  frame.append(text);
  return frame;
}

}  // namespace

void SimClient::Connect(SimEdge* edge, int send_buffer_bytes) {
  edge_ = edge;
  fd_ = edge->Accept(enveloped_, send_buffer_bytes);
  upgraded_ = false;
  paused_ = false;
  buffer_.clear();
  plain_.OnConnected();
  view_.OnConnected();
}

void SimClient::Vanish() {
  if (!connected()) return;
  ::close(std::exchange(fd_, -1));
  view_.OnLost();
}

void SimClient::Say(const std::string& text) {
  const std::string frame = ClientFrame(text);
  // The edge reads at once; a client that it has closed cannot send any more.
  (void)::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
}

void SimClient::JoinPlain(const std::string& group) {
  plain_.OnJoin(group, edge_->wire().gaps(group));
  Say(R"({"cmd":"add_group","group_id":")" + group + "\"}");
}

void SimClient::LeavePlain(const std::string& group) {
  plain_.OnLeave(group);
  Say(R"({"cmd":"leave_group","group_id":")" + group + "\"}");
}

bool SimClient::Read() {
  if (!connected() || paused_) return false;
  std::array<char, 16384> bytes;
  bool some = false;
  while (connected()) {
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (count < 0) break;
    some = true;
    if (count == 0) {
      Vanish();
      break;
    }
    Take({bytes.data(), static_cast<size_t>(count)});
  }
  return some;
}

void SimClient::Take(std::string_view bytes) {
  buffer_.append(bytes);
  if (!upgraded_) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    if (buffer_.rfind("HTTP/1.1 101", 0) != 0) Fail("the upgrade was refused: " + buffer_);
    buffer_.erase(0, end + 4);
    upgraded_ = true;
  }
  while (connected() && TakeFrame()) {
  }
}

bool SimClient::TakeFrame() {
  if (buffer_.size() < 2) return false;
  const auto first = static_cast<uint8_t>(buffer_[0]);
  size_t length = static_cast<uint8_t>(buffer_[1]);
  size_t head = 2;
  if (length >= 126) {
    const size_t width = length == 126 ? 2 : 8;
    head += width;
    if (buffer_.size() < head) return false;
    length = 0;
    for (size_t i = 2; i < head; ++i) length = length << 8 | static_cast<uint8_t>(buffer_[i]);
  }
  if (buffer_.size() < head + length) return false;
  const std::string payload = buffer_.substr(head, length);
  buffer_.erase(0, head + length);
  ++frames_;
  if (trace_) std::fprintf(stderr, "%s is given %.200s\n", name_.c_str(), payload.c_str());
  if (first == kClose) {
    Vanish();
  } else if (first != kText && (first != kBinary || enveloped_)) {
    Fail(name_ + ": not a data frame");
  } else if (enveloped_) {
    view_.OnEvent(payload);
  } else {
    plain_.OnMessage(payload,
                     [this](const std::string& group) { return edge_->wire().gaps(group); });
  }
  return true;
}

void SimClient::CheckComplete() {
  if (!connected()) return;
  if (enveloped_) {
    view_.CheckComplete();
  } else {
    plain_.CheckComplete();
  }
}

}  // namespace fuzz
