#include "tests/hostile/client/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "tests/support/web_socket_client.h"

namespace hostile {
namespace {

using channel::bench::FrameHeader;
using channel::bench::kCloseFrame;
using channel::bench::kTextFrame;

constexpr std::size_t kSpeechBytes = 64 << 10;  // of one write
constexpr std::size_t kReadBytes = 256 << 10;
constexpr support::Duration kConnectWait{2'000};
constexpr std::string_view kErrorEvent = R"({"event":"error")";

support::TcpOptions Options() {
  support::TcpOptions options;
  options.source_address = "127.0.0.66";
  return options;
}

// The text between `before` and the next quote.
std::string TextAfter(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return "?";
  text.remove_prefix(at + before.size());
  return std::string(text.substr(0, text.find('"')));
}

}  // namespace

Connection::Connection(const Attack& attack, std::uint16_t port, std::size_t number, Tally& tally,
                       std::uint64_t& next)
    : attack_(attack), tally_(tally), next_(next), tcp_(port, Options(), kConnectWait) {
  ++tally_.connections;
  speech_.connection = number;
  const std::string head = support::UpgradeRequestHead("/", "127.0.0.1:" + std::to_string(port));
  if (IsSilentAtOnce()) {
    state_ = State::kSilent;
    if (number % 4 == 1) tcp_.Send(head);  // without its end
    return;
  }
  tcp_.Send(head + (attack.enveloped ? "Sec-WebSocket-Protocol: channel.v1.json\r\n\r\n" : "\r\n"));
}

bool Connection::IsSilentAtOnce() const {
  return attack_.opening == Opening::kAnyAndSilent && speech_.connection % 2 == 1;
}

std::uint32_t Connection::events() const {
  const bool reads = attack_.reads || state_ == State::kUpgrading;
  const bool writes = state_ == State::kOpen && (has_more_ || written_ < speech_.out.size());
  return (reads ? static_cast<std::uint32_t>(EPOLLIN) : 0) |
         (writes ? static_cast<std::uint32_t>(EPOLLOUT) : 0);
}

bool Connection::OnReadable() {
  static std::array<char, kReadBytes> buffer;
  const ssize_t got = ::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    ++tally_.lost;
    return false;
  }
  tally_.received_bytes += static_cast<std::uint64_t>(got);
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  return state_ == State::kOpen ? TakeFrames() : TakeUpgrade();
}

bool Connection::HasInput() const {
  char byte = 0;
  return ::recv(descriptor(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
}

bool Connection::TakeUpgrade() {
  bool accepted = false;
  const std::size_t bytes = channel::bench::ReadUpgrade(in_, accepted);
  if (bytes == 0) return true;
  if (!accepted) {
    ++tally_.http[in_.substr(9, 3)];
    return false;
  }
  ++tally_.upgraded;
  state_ = State::kOpen;
  in_.erase(0, bytes);
  if (attack_.begin != nullptr) attack_.begin(speech_);
  return TakeFrames();
}

bool Connection::TakeFrames() {
  std::string_view rest = in_;
  while (true) {
    const FrameHeader header = channel::bench::ReadFrameHeader(rest);
    if (header.bytes == 0 || rest.size() < header.bytes + header.payload_bytes) break;
    const std::string_view payload = rest.substr(header.bytes, header.payload_bytes);
    ++tally_.received;
    if (header.first == kTextFrame) OnText(payload);
    if (header.first == kCloseFrame) {
      const int code = payload.size() < 2 ? 1005  // RFC 6455, section 7.1.5
                                          : static_cast<std::uint8_t>(payload[0]) << 8 |
                                                static_cast<std::uint8_t>(payload[1]);
      ++tally_.closes[std::to_string(code)];
      return false;
    }
    rest.remove_prefix(header.bytes + payload.size());
  }
  in_.erase(0, in_.size() - rest.size());
  return true;
}

void Connection::OnText(std::string_view text) {
  if (text.starts_with(kErrorEvent)) ++tally_.errors[TextAfter(text, R"("code":")")];
}

bool Connection::OnWritable() {
  if (written_ == speech_.out.size()) Speak();
  while (written_ < speech_.out.size()) {
    const ssize_t sent = ::send(descriptor(), speech_.out.data() + written_,
                                speech_.out.size() - written_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      return OnReadable();  // the close frame may still be there
    }
    written_ += static_cast<std::size_t>(sent);
    tally_.sent_bytes += static_cast<std::uint64_t>(sent);
  }
  tally_.sent += speech_.frames;
  speech_.frames = 0;
  return true;
}

void Connection::Speak() {
  speech_.out.clear();
  written_ = 0;
  speech_.next = next_;
  while (attack_.go_on != nullptr && speech_.out.size() < kSpeechBytes) {
    const std::size_t before = speech_.out.size();
    attack_.go_on(speech_);
    if (speech_.out.size() == before) break;
  }
  next_ = speech_.next;
  has_more_ = !speech_.out.empty();
}

}  // namespace hostile
