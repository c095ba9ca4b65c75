// The floor of a latency through a server: an epoll loop that gives each message that a session
// sends to all sessions, the sender last. Two hops over loopback, nothing else: one process, no
// groups, no checks. The client is bench_swarm in the dialect `raw`, which sends one short message
// at a time in one piece.
//
//   bench_raw_relay         prints its port, runs until the end of input
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/websocket.h"

namespace channel::bench {
namespace {

constexpr size_t kMaskBytes = 4;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class RawRelay {
 public:
  RawRelay() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      Die("bench_raw_relay: listen");
    }
    Watch(listener_);
    Watch(STDIN_FILENO);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  // Until the end of input.
  void Serve() {
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == STDIN_FILENO) return;
        if (fd == listener_) {
          Accept();
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
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("bench_raw_relay: epoll_ctl");
  }

  void Accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) Die("bench_raw_relay: accept");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Watch(fd);
    sessions_.push_back(fd);
  }

  void OnReadable(int fd) {
    char data[65536];
    const ssize_t got = recv(fd, data, sizeof data, 0);
    if (got <= 0) {
      std::erase(sessions_, fd);
      close(fd);
      return;
    }
    const std::string_view text(data, static_cast<size_t>(got));
    if (text.starts_with("GET ")) return Send(fd, kUpgradeAnswer);
    // One frame, masked: the header without the mask, then the message unmasked.
    const size_t header = (text[1] & 0x7f) < 126 ? 2 : 4;
    if (text.size() < header + kMaskBytes) Die("bench_raw_relay: half a frame");
    std::string frame(text.substr(0, header));
    frame[1] = static_cast<char>(frame[1] & 0x7f);
    const std::string_view mask = text.substr(header, kMaskBytes);
    const std::string_view message = text.substr(header + kMaskBytes);
    for (size_t i = 0; i < message.size(); ++i) {
      frame += static_cast<char>(message[i] ^ mask[i % kMaskBytes]);
    }
    for (const int other : sessions_) {
      if (other != fd) Send(other, frame);
    }
    Send(fd, frame);
  }

  static void Send(int fd, std::string_view data) {
    if (send(fd, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) {
      Die("bench_raw_relay: send");
    }
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::vector<int> sessions_;
};

}  // namespace
}  // namespace channel::bench

int main() { channel::bench::RawRelay().Serve(); }
