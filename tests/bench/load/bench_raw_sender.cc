// What the kernel alone costs: a sender that does nothing but send(2) to sockets in epoll. It
// answers the WebSocket upgrade (the load client needs no more than that), and sends messages when
// an order comes on its standard input (see message.h). The frame is made once per message, and
// there is one send per message and connection, or one per connection if the order asks for that.
//
//   bench_raw_sender        prints its port, runs until the end of input
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/message.h"
#include "tests/bench/load/websocket.h"

namespace channel::bench {
namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class RawSender {
 public:
  RawSender() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 4096) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      Die("bench_raw_sender: listen");
    }
    Watch(listener_);
    Watch(STDIN_FILENO);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  // Until the end of input.
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
          Send(order);
        } else {
          Answer(fd);
        }
      }
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("bench_raw_sender: epoll_ctl");
  }

  void Accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) Die("bench_raw_sender: accept");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Watch(fd);
  }

  // The load client sends its request in one piece, and nothing after it.
  void Answer(int fd) {
    char request[4096];
    if (recv(fd, request, sizeof request, 0) <= 0) std::exit(0);  // the load client ends
    SendAll(fd, kUpgradeAnswer);
    sessions_.push_back(fd);
  }

  void Send(const Order& order) {
    if (order.messages == 0) return;
    frames_.clear();
    for (uint32_t i = 0; i < order.messages; ++i) AppendFrame(++sequence_, order.bytes);
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

  void AppendFrame(uint64_t sequence, uint32_t bytes) {
    const auto put = [this](uint32_t value) { frames_.push_back(static_cast<char>(value)); };
    put(0x81);
    if (bytes < 126) {
      put(bytes);
    } else if (bytes < 65536) {
      put(126);
      put(bytes >> 8);
      put(bytes & 0xff);
    } else {
      put(127);
      for (int shift = 56; shift >= 0; shift -= 8) put(shift < 32 ? bytes >> shift & 0xff : 0);
    }
    const size_t at = frames_.size();
    frames_.resize(at + bytes);
    WriteMessage(sequence, bytes, frames_.data() + at);
  }

  // A socket buffer never fills: the load client waits for everything before it orders more.
  static void SendAll(int fd, std::string_view data) {
    if (send(fd, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) {
      Die("bench_raw_sender: send");
    }
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::vector<int> sessions_;
  uint64_t sequence_ = 0;
  std::string frames_;
};

}  // namespace
}  // namespace channel::bench

int main() { channel::bench::RawSender().Serve(); }
