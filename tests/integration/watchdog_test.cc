// An edge whose loop stands still is ended by its own watchdog.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tests/support/deadline.h"
#include "tests/support/process.h"
#include "tests/support/reserved_port.h"
#include "tests/support/tcp_connection.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::Duration;

// 10 s of standing still, the time for its stack, and room for a busy machine.
constexpr Duration kEndedAfter{60'000};

// A log that nobody reads holds the loop up as soon as the pipe is full.
class EdgeWithABlockedLog {
 public:
  EdgeWithABlockedLog() {
    EXPECT_EQ(::pipe(log_.data()), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(log_[1], STDERR_FILENO);
    const std::string program = support::BinaryPath("ws_edge");
    const std::string listen = "--listen=127.0.0.1:" + std::to_string(port_.number());
    ::execl(program.c_str(), program.c_str(), listen.c_str(), "--log_level=trace", nullptr);
    ::_exit(127);
  }
  ~EdgeWithABlockedLog() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    for (const int end : log_) ::close(end);
  }

  std::uint16_t port() const { return port_.number(); }
  // Returns the status of waitpid.
  int AwaitEnd() {
    int status = 0;
    support::Await(
        "the edge ends", [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, kEndedAfter);
    pid_ = -1;
    return status;
  }

 private:
  support::ReservedPort port_;
  std::array<int, 2> log_{};
  pid_t pid_ = -1;
};

TEST(Watchdog, ALoopThatWaitsForItsLogIsEnded) {
  EdgeWithABlockedLog edge;
  support::Await("the edge listens", [&] {
    try {
      support::TcpConnection(edge.port());
      return true;
    } catch (const support::TestFailure&) {
      return false;
    }
  });
  bool answers = true;
  while (answers) {
    support::TcpConnection client(edge.port());
    client.Send(support::UpgradeRequestHead() + "\r\n");
    std::string answer;
    answers = client.TryReceive(answer, Duration(2'000)).has_value();
  }
  const int status = edge.AwaitEnd();
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
}

}  // namespace
