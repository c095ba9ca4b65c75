#include "tests/faults/swarm_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "tests/bench/load/websocket.h"
#include "tests/support/web_socket_client.h"

namespace faults {
namespace {

using boost::asio::ip::tcp;
using channel::bench::FrameHeader;
using support::Frame;
using support::Opcode;

constexpr int kAbnormalClosure = 1006;
constexpr std::size_t kReadBytes = 256 << 10;
// Reads of one connection before the others have their turn.
constexpr int kReadsPerTurnMax = 4;

std::string Encode(Opcode opcode, std::string_view payload) {
  return support::EncodeFrame(
      Frame{true, 0, static_cast<std::uint8_t>(opcode), true, std::string(payload)});
}

}  // namespace

SwarmConnection::SwarmConnection(boost::asio::io_context& loop, Observer* observer)
    : observer_(observer), socket_(loop) {}

void SwarmConnection::Start(const tcp::endpoint& server, const std::string& source_address,
                            std::optional<int> receive_buffer_bytes) {
  if (!Open(source_address, receive_buffer_bytes)) {
    // The owner is in the middle of connecting; it hears of the failure in the next turn.
    return boost::asio::post(socket_.get_executor(),
                             [self = shared_from_this()] { self->End(kAbnormalClosure); });
  }
  socket_.async_connect(server, [self = shared_from_this(), server](ErrorCode error) {
    if (self->observer_ == nullptr) return;
    if (error) return self->End(kAbnormalClosure);
    self->AskForUpgrade(server);
  });
}

bool SwarmConnection::Open(const std::string& source_address,
                           std::optional<int> receive_buffer_bytes) {
  ErrorCode error;
  socket_.open(tcp::v4(), error);
  if (error) return false;
  socket_.set_option(tcp::no_delay(true), error);
  if (receive_buffer_bytes) {
    socket_.set_option(boost::asio::socket_base::receive_buffer_size(*receive_buffer_bytes), error);
  }
  if (source_address.empty()) return true;
  // The port is chosen at the connect, so that each source address has its own range of them.
  const int on = 1;
  ::setsockopt(socket_.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  socket_.bind(tcp::endpoint(boost::asio::ip::make_address_v4(source_address), 0), error);
  return !error;
}

void SwarmConnection::AskForUpgrade(const tcp::endpoint& server) {
  ErrorCode error;
  socket_.non_blocking(true, error);
  if (error) return End(kAbnormalClosure);
  Write(support::UpgradeRequestHead(
            "/", server.address().to_string() + ":" + std::to_string(server.port())) +
        "Sec-WebSocket-Protocol: " + support::kEnvelopedSubprotocol + "\r\n\r\n");
  StartRead();
}

void SwarmConnection::Send(std::string_view text) { Write(support::EncodeText(text)); }

void SwarmConnection::SetReading(bool reading) {
  reading_ = reading;
  if (!upgraded_ || !reading) return;
  // The kept bytes may be complete by now: nobody looked at them while nothing was read.
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->OnReadable(); });
}

void SwarmConnection::Detach() {
  observer_ = nullptr;
  ErrorCode ignored;
  socket_.set_option(tcp::socket::linger(true, 0), ignored);
  socket_.close(ignored);
}

void SwarmConnection::StartRead() {
  if (wait_pending_ || !Reads() || observer_ == nullptr) return;
  wait_pending_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    self->wait_pending_ = false;
    if (self->observer_ == nullptr) return;
    if (error) return self->End(kAbnormalClosure);
    self->OnReadable();
  });
}

void SwarmConnection::OnReadable() {
  static thread_local std::array<char, kReadBytes> buffer;
  std::string_view kept = kept_;
  if (observer_ == nullptr || !Reads() || !Take(kept)) return;
  kept_.erase(0, kept_.size() - kept.size());
  for (int i = 0; i < kReadsPerTurnMax && Reads(); ++i) {
    ErrorCode error;
    const std::size_t got = socket_.read_some(boost::asio::buffer(buffer), error);
    if (error == boost::asio::error::would_block) break;
    if (error) return End(kAbnormalClosure);
    std::string_view bytes(buffer.data(), got);
    const bool goes_on = !kept_.empty();
    if (goes_on) bytes = kept_.append(bytes);
    if (!Take(bytes)) return;
    if (goes_on) {
      kept_.erase(0, kept_.size() - bytes.size());
    } else {
      kept_.assign(bytes);
    }
    if (got < buffer.size()) break;
  }
  StartRead();
}

bool SwarmConnection::Take(std::string_view& bytes) {
  if (!upgraded_ && !TakeUpgrade(bytes)) return observer_ != nullptr;
  while (reading_) {
    const FrameHeader header = channel::bench::ReadFrameHeader(bytes);
    if (header.bytes == 0 || bytes.size() - header.bytes < header.payload_bytes) break;
    const std::string_view payload = bytes.substr(header.bytes, header.payload_bytes);
    bytes.remove_prefix(header.bytes + payload.size());
    if (!OnFrame(header.first, payload)) return false;
  }
  return observer_ != nullptr;
}

// Returns false while the answer is not complete, and if it is no good one.
bool SwarmConnection::TakeUpgrade(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = bytes.find(kEnd);
  if (end == std::string_view::npos) return false;
  if (!bytes.starts_with("HTTP/1.1 101 ")) {
    End(kAbnormalClosure);
    return false;
  }
  bytes.remove_prefix(end + kEnd.size());
  upgraded_ = true;
  return true;
}

bool SwarmConnection::OnFrame(std::uint8_t first, std::string_view payload) {
  if (first == channel::bench::kTextFrame) {
    observer_->OnText(payload);
  } else if (first == channel::bench::kPingFrame) {
    Write(Encode(Opcode::kPong, payload));
  } else if (first == channel::bench::kCloseFrame) {
    const Frame close{.payload = std::string(payload)};
    const std::string answer = Encode(Opcode::kClose, payload.substr(0, 2));
    ErrorCode ignored;
    socket_.write_some(boost::asio::buffer(answer), ignored);
    End(close.CloseCode());
  } else if (first != channel::bench::kPongFrame) {
    End(kAbnormalClosure);  // an edge sends no fragments, and no binary frames to envelopes
  }
  return observer_ != nullptr;
}

void SwarmConnection::Write(std::string bytes) {
  queue_.push_back(std::move(bytes));
  if (queue_.size() == 1) WriteNext();
}

void SwarmConnection::WriteNext() {
  boost::asio::async_write(socket_, boost::asio::buffer(queue_.front()),
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             // The read fails as well, and knows the close code.
                             if (error || self->observer_ == nullptr) return;
                             self->queue_.pop_front();
                             if (!self->queue_.empty()) self->WriteNext();
                           });
}

void SwarmConnection::End(int code) {
  Observer* const observer = std::exchange(observer_, nullptr);
  if (observer == nullptr) return;
  ErrorCode ignored;
  socket_.close(ignored);
  observer->OnClosed(code);
}

}  // namespace faults
