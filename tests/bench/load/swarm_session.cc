#include "tests/bench/load/swarm_session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "tests/bench/load/clocks.h"

namespace channel::bench {
namespace {

constexpr size_t kFrameBytesMax = 128 << 10;
constexpr std::string_view kSocketIoHead = R"(42["m",")";
constexpr std::string_view kSocketIoTail = "\"]";
constexpr std::string_view kNatsConnect =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\","
    "\"protocol\":1}\r\nPING\r\n";

}  // namespace

int SwarmSession::Start(SwarmShared& shared, uint32_t source, uint16_t port) {
  fd_ = ConnectLoopback(source, port);
  if (fd_ < 0) return -1;
  state_ = State::kUpgrading;
  const std::string& request = shared.request;
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    Break(shared, "the upgrade request was not taken");
    return -1;
  }
  return fd_;
}

unsigned SwarmSession::OnReadable(SwarmShared& shared) {
  unsigned events = 0;
  char* const data = shared.scratch.data();
  while (fd_ >= 0) {
    if (kept_bytes_ > 0) std::memcpy(data, kept_.get(), kept_bytes_);
    const size_t room = shared.scratch.size() - kept_bytes_;
    const ssize_t got = recv(fd_, data + kept_bytes_, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) {
      Break(shared, got == 0 ? "the server closed it" : std::strerror(errno));
      break;
    }
    const int64_t now = Now();
    ++shared.reads;
    const size_t bytes = kept_bytes_ + static_cast<size_t>(got);
    size_t stream_bytes = kept_stream_bytes_;
    size_t used = 0;
    kept_bytes_ = kept_stream_bytes_ = 0;
    if (state_ == State::kUpgrading) used = TakeUpgrade(shared, {data, bytes}, events);
    if (shared.dialect == Dialect::kNats && state_ > State::kUpgrading) {
      // Only right after the upgrade `used` is not 0, and then there is no stream yet.
      char* const stream = data + used;
      size_t frames_used = 0;
      stream_bytes = JoinPayloads(shared, stream, bytes - used, stream_bytes, frames_used);
      used += frames_used;
      size_t taken = 0;
      while (taken < stream_bytes) {
        const size_t line =
            TakeNatsLine(shared, {stream + taken, stream_bytes - taken}, now, events);
        if (line == 0) break;
        taken += line;
      }
      Keep({stream + taken, stream_bytes - taken}, {data + used, bytes - used});
    } else {
      while (used < bytes && state_ > State::kUpgrading) {
        const size_t frame = TakeFrame(shared, {data + used, bytes - used}, now, events);
        if (frame == 0) break;
        used += frame;
      }
      Keep({}, {data + used, bytes - used});
    }
    if (static_cast<size_t>(got) < room) break;
  }
  return events;
}

void SwarmSession::Keep(std::string_view stream, std::string_view frames) {
  const size_t bytes = stream.size() + frames.size();
  if (bytes == 0 || fd_ < 0) return;
  if (bytes > kept_room_) {
    kept_room_ = static_cast<uint32_t>(std::bit_ceil(bytes));
    kept_ = std::make_unique_for_overwrite<char[]>(kept_room_);
  }
  std::copy(stream.begin(), stream.end(), kept_.get());
  std::copy(frames.begin(), frames.end(), kept_.get() + stream.size());
  kept_bytes_ = static_cast<uint32_t>(bytes);
  kept_stream_bytes_ = static_cast<uint32_t>(stream.size());
}

size_t SwarmSession::TakeUpgrade(SwarmShared& shared, std::string_view data, unsigned& events) {
  size_t head_bytes = 0;
  switch (ReadUpgrade(data, head_bytes)) {
    case Upgrade::kIncomplete:
      return 0;
    case Upgrade::kRefused:
      Break(shared, "the upgrade was refused");
      return 0;
    case Upgrade::kDone:
      break;
  }
  state_ = State::kGreeting;
  if (shared.dialect == Dialect::kChannel || shared.dialect == Dialect::kRaw) OnOpen(events);
  return head_bytes;
}

void SwarmSession::OnOpen(unsigned& events) {
  state_ = State::kOpen;
  events |= kOpened;
}

size_t SwarmSession::TakeFrame(SwarmShared& shared, std::string_view data, int64_t now,
                               unsigned& events) {
  const FrameHeader header = ReadFrameHeader(data);
  if (header.bytes == 0) return 0;
  if (header.payload_bytes > kFrameBytesMax) {
    Break(shared, "a frame is too long");
    return 0;
  }
  const auto length = static_cast<size_t>(header.payload_bytes);
  if (data.size() < header.bytes + length) return 0;
  const std::string_view payload = data.substr(header.bytes, length);
  if (header.first == kTextFrame) {
    OnText(shared, payload, now, events);
  } else {
    OnControl(shared, header.first, payload, events);
  }
  return header.bytes + length;
}

size_t SwarmSession::JoinPayloads(SwarmShared& shared, char* data, size_t bytes,
                                  size_t stream_bytes, size_t& used) {
  size_t from = stream_bytes;
  while (from < bytes) {
    if (payload_left_ == 0) {
      const FrameHeader header = ReadFrameHeader({data + from, bytes - from});
      if (header.bytes == 0) break;
      const uint8_t opcode = header.first & 0x0F;
      if (opcode > 2) {
        if (bytes - from < header.bytes + header.payload_bytes) break;
        const auto length = static_cast<size_t>(header.payload_bytes);
        unsigned events = 0;  // nobody waits for a WebSocket pong in this dialect
        OnControl(shared, header.first, {data + from + header.bytes, length}, events);
        from += header.bytes + length;
        continue;
      }
      payload_left_ = header.payload_bytes;
      from += header.bytes;
    }
    const auto piece = static_cast<size_t>(std::min<uint64_t>(payload_left_, bytes - from));
    std::memmove(data + stream_bytes, data + from, piece);
    stream_bytes += piece;
    from += piece;
    payload_left_ -= piece;
  }
  used = from;
  return stream_bytes;
}

size_t SwarmSession::TakeNatsLine(SwarmShared& shared, std::string_view data, int64_t now,
                                  unsigned& events) {
  const auto* const feed = static_cast<const char*>(std::memchr(data.data(), '\n', data.size()));
  if (feed == nullptr) return 0;
  const auto line_bytes = static_cast<size_t>(feed - data.data()) + 1;
  const std::string_view line = data.substr(0, line_bytes);
  if (line.starts_with("MSG ")) {
    size_t message_bytes = 0;
    const char* const digits = line.data() + line.find_last_of(' ') + 1;
    std::from_chars(digits, feed, message_bytes);
    if (data.size() < line_bytes + message_bytes + 2) return 0;
    OnText(shared, data.substr(line_bytes, message_bytes), now, events);
    return line_bytes + message_bytes + 2;
  }
  if (line == "PONG\r\n") {
    if (state_ == State::kGreeting) {
      OnOpen(events);
    } else {
      events |= kAnswered;
    }
  } else if (line == "PING\r\n") {
    SendText(shared, kBinaryFrame, "PONG\r\n");
  } else if (line.starts_with("INFO ")) {
    if (state_ == State::kGreeting) SendText(shared, kBinaryFrame, kNatsConnect);
  } else {
    Break(shared, line);
    return 0;
  }
  return line_bytes;
}

void SwarmSession::OnText(SwarmShared& shared, std::string_view text, int64_t now,
                          unsigned& events) {
  if (shared.dialect == Dialect::kSocketIo) {
    if (!text.starts_with(kSocketIoHead)) return OnSocketIo(shared, text, events);
    text.remove_prefix(kSocketIoHead.size());
    if (!text.ends_with(kSocketIoTail)) return Break(shared, text);
    text.remove_suffix(kSocketIoTail.size());
  }
  if (shared.ledger == nullptr) return Break(shared, text);
  if (shared.ledger->OnMessage(index_, text, now)) events |= kOwn;
}

// A packet that is no message.
void SwarmSession::OnSocketIo(SwarmShared& shared, std::string_view packet, unsigned& events) {
  if (packet.starts_with("0{") && state_ == State::kGreeting) {
    SendText(shared, kTextFrame, "40");
  } else if (packet.starts_with("40{") && state_ == State::kGreeting) {
    OnOpen(events);
  } else if (packet == "2") {
    SendText(shared, kTextFrame, "3");
  } else {
    Break(shared, packet);
  }
}

void SwarmSession::OnControl(SwarmShared& shared, uint8_t first, std::string_view payload,
                             unsigned& events) {
  if (first == kPingFrame) {
    SendText(shared, kPongFrame, payload);
  } else if (first == kPongFrame) {
    events |= kAnswered;
  } else if (first == kCloseFrame) {
    const bool has_code = payload.size() >= 2;  // RFC 6455, 5.5.1
    const int code =
        has_code ? static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]) : 0;
    Break(shared, "the server said close " + std::to_string(code) + " " +
                      std::string(payload.substr(has_code ? 2 : payload.size())));
  } else {
    Break(shared, "an unexpected frame");
  }
}

void SwarmSession::SendAsk(SwarmShared& shared) {
  if (shared.dialect == Dialect::kNats) {
    SendText(shared, kBinaryFrame, "PING\r\n");
  } else {
    SendText(shared, kPingFrame, "?");
  }
}

void SwarmSession::SendText(SwarmShared& shared, uint8_t first, std::string_view text) {
  shared.frame.Append(text);
  Send(shared, first);
}

void SwarmSession::Send(SwarmShared& shared, uint8_t first) {
  const std::string_view frame = shared.frame.Finish(first);
  if (fd_ < 0) return;
  if (send(fd_, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size())) {
    Break(shared, "a command was not taken: the server does not read");
  }
}

void SwarmSession::Break(SwarmShared& shared, std::string_view why) {
  if (fd_ < 0) return;
  if (shared.broken++ == 0) {
    shared.why_broken =
        "session " + std::to_string(index_) + ": " + std::string(why.substr(0, 300));
  }
  Close();
}

void SwarmSession::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  state_ = State::kClosed;
}

}  // namespace channel::bench
