// An epoll loop that does nothing but send(2), for what the kernel alone costs. It answers the
// WebSocket upgrade, and then
// - sends messages to all sessions when an order comes on its standard input (see message.h): the
//   frame is made once per message, and there is one send per message and connection, or one per
//   connection if the order asks for that;
// - gives a message that a session sends to all sessions, the sender last: the floor of a latency
//   through a server, two hops over loopback.
// No groups, no checks. The client is bench_swarm.
//
//   bench_raw        prints its port, runs until the end of input
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/websocket.h"

namespace channel::bench {
namespace {

constexpr size_t kMaskBytes = 4;

[[noreturn]] void DieOf(const std::string& what) { Die(what + ": " + std::strerror(errno)); }

class RawServer {
 public:
  RawServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 4096) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      DieOf("listen");
    }
    Watch(listener_);
    Watch(STDIN_FILENO);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  // Serves until the end of input.
  void Serve() {
    epoll_event events[512];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 512, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          Accept();
        } else if (fd == STDIN_FILENO) {
          Order order;
          if (read(STDIN_FILENO, &order, sizeof order) != sizeof order) return;
          if (order.messages > 0) Send(order);
        } else {
          OnReadable(fd);
        }
      }
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) DieOf("epoll_ctl");
  }

  void Accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) DieOf("accept");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Watch(fd);
  }

  // The client sends its request, and later each short message, in one piece.
  void OnReadable(int fd) {
    char data[65536];
    const ssize_t got = recv(fd, data, sizeof data, 0);
    if (got <= 0) {
      std::erase(sessions_, fd);
      close(fd);
      return;
    }
    const std::string_view text(data, static_cast<size_t>(got));
    if (text.starts_with("GET ")) {
      SendAll(fd, kUpgradeAnswer);
      sessions_.push_back(fd);
    } else {
      Relay(fd, text);
    }
  }

  // One frame, masked: the header without the mask, then the message unmasked.
  void Relay(int fd, std::string_view text) {
    const size_t header = (text[1] & 0x7f) < 126 ? 2 : 4;
    if (text.size() < header + kMaskBytes) Die("half a frame");
    std::string frame(text.substr(0, header));
    frame[1] = static_cast<char>(frame[1] & 0x7f);
    const std::string_view mask = text.substr(header, kMaskBytes);
    const std::string_view message = text.substr(header + kMaskBytes);
    for (size_t i = 0; i < message.size(); ++i) {
      frame += static_cast<char>(message[i] ^ mask[i % kMaskBytes]);
    }
    for (const int other : sessions_) {
      if (other != fd) SendAll(other, frame);
    }
    SendAll(fd, frame);
  }

  void Send(const Order& order) {
    frames_.clear();
    for (uint32_t i = 0; i < order.messages; ++i) AppendFrame(order.bytes);
    if (order.way == 1) {
      for (const int fd : sessions_) SendAll(fd, frames_);
      return;
    }
    const size_t frame_bytes = frames_.size() / order.messages;
    for (uint32_t i = 0; i < order.messages; ++i) {
      const std::string_view frame(frames_.data() + i * frame_bytes, frame_bytes);
      const size_t step = std::max<size_t>(order.way, 1);
      for (size_t first = 0; first < step; ++first) {
        for (size_t at = first; at < sessions_.size(); at += step) SendAll(sessions_[at], frame);
      }
    }
  }

  void AppendFrame(uint32_t bytes) {
    char header[kFrameHeaderBytesMax];
    char* const end = header + sizeof header;
    frames_.append(PutFrameHeader(kTextFrame, bytes, /*masked=*/false, end), end);
    const size_t at = frames_.size();
    frames_.resize(at + bytes);
    WriteMessage({.sequence = ++sequence_}, bytes, frames_.data() + at);
  }

  // A socket buffer never fills: the load client waits for everything before it orders more.
  static void SendAll(int fd, std::string_view data) {
    if (send(fd, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) {
      DieOf("send");
    }
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::vector<int> sessions_;
  uint32_t sequence_ = 0;
  std::string frames_;
};

}  // namespace
}  // namespace channel::bench

int main() { channel::bench::RawServer().Serve(); }
