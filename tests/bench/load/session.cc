#include "tests/bench/load/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "tests/bench/load/clocks.h"

namespace channel::bench {
namespace {

constexpr size_t kFrameBytesMax = 256 << 10;
constexpr std::string_view kSocketIoHead = R"(42["m",")";
constexpr std::string_view kSocketIoTail = "\"]";

}  // namespace

int Session::Start(const std::string& source, uint16_t port) {
  support::TcpOptions options;
  options.source_address = source;
  tcp_.emplace(port, options);
  SendAll(context_.request);
  return tcp_->descriptor();
}

bool Session::OnReadable() {
  const State before = state_;
  char* const data = context_.scratch.data();
  while (tcp_) {
    std::memcpy(data, kept_.data(), kept_.size());
    const size_t room = context_.scratch.size() - kept_.size();
    const ssize_t got = recv(tcp_->descriptor(), data + kept_.size(), room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) {
      Break(got == 0 ? "the server closed it" : std::strerror(errno));
      break;
    }
    const int64_t now = Now();
    std::string_view rest(data, kept_.size() + static_cast<size_t>(got));
    while (!rest.empty() && tcp_) {
      const size_t taken = state_ == State::kUpgrading ? TakeUpgrade(rest) : TakeFrame(rest, now);
      if (taken == 0) break;
      rest.remove_prefix(taken);
    }
    kept_.assign(rest);
    if (static_cast<size_t>(got) < room) break;
  }
  return state_ == State::kOpen && before != State::kOpen;
}

size_t Session::TakeUpgrade(std::string_view data) {
  bool accepted = false;
  const size_t head_bytes = ReadUpgrade(data, accepted);
  if (head_bytes == 0) return 0;
  if (!accepted) {
    Break("the upgrade was refused");
    return 0;
  }
  state_ = State::kGreeting;
  const Dialect dialect = context_.words.dialect;
  if (dialect == Dialect::kChannel || dialect == Dialect::kRaw) OnOpen();
  return head_bytes;
}

void Session::OnOpen() {
  state_ = State::kOpen;
  ++context_.opened;
}

size_t Session::TakeFrame(std::string_view data, int64_t now) {
  const FrameHeader header = ReadFrameHeader(data);
  if (header.bytes == 0) return 0;
  if (header.payload_bytes > kFrameBytesMax) {
    Break("a frame is too long");
    return 0;
  }
  const auto length = static_cast<size_t>(header.payload_bytes);
  if (data.size() < header.bytes + length) return 0;
  const std::string_view payload = data.substr(header.bytes, length);
  if (header.first != context_.words.data_frame) {
    OnControl(header.first, payload);
  } else if (header.first == kBinaryFrame) {
    OnNatsStream(payload, now);
  } else {
    OnText(payload, now);
  }
  return header.bytes + length;
}

void Session::OnNatsStream(std::string_view piece, int64_t now) {
  stream_ += piece;
  size_t taken = 0;
  while (taken < stream_.size()) {
    const size_t line = TakeNatsLine(std::string_view(stream_).substr(taken), now);
    if (line == 0) break;
    taken += line;
  }
  stream_.erase(0, taken);
}

size_t Session::TakeNatsLine(std::string_view data, int64_t now) {
  const size_t feed = data.find('\n');
  if (feed == std::string_view::npos) return 0;
  const std::string_view line = data.substr(0, feed + 1);
  if (line.starts_with("MSG ")) {
    size_t message_bytes = 0;
    const char* const digits = line.data() + line.find_last_of(' ') + 1;
    std::from_chars(digits, line.data() + feed, message_bytes);
    if (data.size() < line.size() + message_bytes + 2) return 0;
    OnText(data.substr(line.size(), message_bytes), now);
    return line.size() + message_bytes + 2;
  }
  if (line == "PONG\r\n") {
    if (state_ == State::kGreeting) {
      OnOpen();
    } else {
      ++context_.answered;
    }
  } else if (line == "PING\r\n") {
    SendText(kBinaryFrame, "PONG\r\n");
  } else if (line.starts_with("INFO ")) {
    if (state_ == State::kGreeting) SendText(kBinaryFrame, kNatsConnect);
  } else {
    Break(line);
    return 0;
  }
  return line.size();
}

void Session::OnText(std::string_view text, int64_t now) {
  if (context_.words.dialect == Dialect::kSocketIo) {
    if (!text.starts_with(kSocketIoHead)) return OnSocketIo(text);
    text.remove_prefix(kSocketIoHead.size());
    if (!text.ends_with(kSocketIoTail)) return Break(text);
    text.remove_suffix(kSocketIoTail.size());
  }
  if (context_.receiver == nullptr) return Break(text);
  context_.receiver->OnMessage(index_, text, now);
}

// A packet that is no message.
void Session::OnSocketIo(std::string_view packet) {
  if (packet.starts_with("0{") && state_ == State::kGreeting) {
    SendText(kTextFrame, "40");
  } else if (packet.starts_with("40{") && state_ == State::kGreeting) {
    OnOpen();
  } else if (packet == "2") {
    SendText(kTextFrame, "3");
  } else {
    Break(packet);
  }
}

void Session::OnControl(uint8_t first, std::string_view payload) {
  if (first == kPingFrame) {
    SendText(kPongFrame, payload);
  } else if (first == kPongFrame) {
    ++context_.answered;
  } else if (first == kCloseFrame) {
    const bool has_code = payload.size() >= 2;  // RFC 6455, 5.5.1
    const int code =
        has_code ? static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]) : 0;
    Break("the server said close " + std::to_string(code) + " " +
          std::string(payload.substr(has_code ? 2 : payload.size())));
  } else {
    Break("an unexpected frame");
  }
}

void Session::SendAsk() {
  if (context_.words.dialect == Dialect::kNats) {
    SendText(kBinaryFrame, "PING\r\n");
  } else {
    SendText(kPingFrame, "?");
  }
}

void Session::SendText(uint8_t first, std::string_view text) {
  context_.frame.Append(text);
  Send(first);
}

void Session::Send(uint8_t first) {
  const std::string_view frame = context_.frame.Finish(first);
  if (!tcp_) return;
  if (send(tcp_->descriptor(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size())) {
    Break("a command was not taken: the server does not read");
  }
}

void Session::Break(std::string_view why) {
  if (!tcp_) return;
  if (context_.broken++ == 0) {
    std::fprintf(stderr, "bench_swarm: session %u: %.*s\n", index_,
                 static_cast<int>(std::min<size_t>(why.size(), 300)), why.data());
  }
  tcp_.reset();
}

}  // namespace channel::bench
