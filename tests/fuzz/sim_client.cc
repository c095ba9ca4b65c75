#include "tests/fuzz/sim_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {

void SimClient::Connect(SimEdge* edge, int send_buffer_bytes) {
  edge_ = edge;
  fd_ = edge->Accept(enveloped_, send_buffer_bytes);
  session_id_ = edge->last_session_id();
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
  const std::string frame = support::EncodeText(text);
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
  std::string_view rest = buffer_;
  support::Frame frame;
  while (connected() && support::TakeFrame(rest, frame)) OnFrame(frame);
  buffer_.erase(0, buffer_.size() - rest.size());
}

void SimClient::OnFrame(const support::Frame& frame) {
  using support::Opcode;
  ++frames_;
  if (trace_) std::fprintf(stderr, "%s is given %.200s\n", name_.c_str(), frame.payload.c_str());
  const bool data = frame.Is(Opcode::kText) || (frame.Is(Opcode::kBinary) && !enveloped_);
  if (!frame.fin || frame.reserved != 0 || (!data && !frame.Is(Opcode::kClose))) {
    Fail(name_ + ": not a data frame");
  }
  if (!data) return Vanish();
  if (enveloped_) return view_.OnEvent(frame.payload);
  plain_.OnMessage(frame.payload,
                   [this](const std::string& group) { return edge_->wire().gaps(group); });
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
