// A TCP connection to nats-server or Redis.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/pubsub_protocol.h"
#include "tests/bench/load/websocket.h"

namespace channel::bench {

// A connection and what came on it and is not taken yet. The greeting is waited for.
class PubsubConnection {
 public:
  PubsubConnection(uint16_t port, const Exchange& greeting)
      : fd_(ConnectLoopback(INADDR_LOOPBACK, port)) {
    if (fd_ < 0) Die(std::string("connect: ") + std::strerror(errno));
    const timeval patience{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    Ask(greeting);
  }
  PubsubConnection(const PubsubConnection&) = delete;
  ~PubsubConnection() { close(fd_); }

  int fd() const { return fd_; }

  // Sends the question and waits for the answer.
  void Ask(const Exchange& exchange) {
    if (Send(exchange.question) != exchange.question.size()) Die("a question was not taken whole");
    while (!unread().ends_with(exchange.answer)) {
      if (!Receive(0)) Die("no answer to " + exchange.question + ": " + std::string(unread()));
    }
    Take(used_);
  }

  // How much the socket took.
  size_t Send(std::string_view bytes) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) Die(std::string("send: ") + std::strerror(errno));
    return static_cast<size_t>(std::max<ssize_t>(sent, 0));
  }

  // One read. False if nothing was there.
  bool Receive(int flags) {
    const ssize_t got = recv(fd_, buffer_.data() + used_, buffer_.size() - used_, flags);
    if (got == 0) Die("the server closed a connection");
    if (got > 0) used_ += static_cast<size_t>(got);
    return got > 0;
  }

  std::string_view unread() const { return {buffer_.data(), used_}; }

  void Take(size_t bytes) {
    used_ -= bytes;
    std::memmove(buffer_.data(), buffer_.data() + bytes, used_);
  }

 private:
  static constexpr size_t kBufferBytes = 256 * 1024;

  [[noreturn]] static void Die(const std::string& why) {
    std::fprintf(stderr, "bench_pubsub: %s\n", why.c_str());
    std::exit(1);
  }

  const int fd_;
  std::vector<char> buffer_ = std::vector<char>(kBufferBytes);
  size_t used_ = 0;
};

}  // namespace channel::bench
