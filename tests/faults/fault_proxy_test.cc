// The proxy does what is asked of it, and nothing else.

#include "tests/faults/fault_proxy.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "tests/support/tcp_connection.h"

namespace faults {
namespace {

using boost::asio::ip::tcp;
using support::Clock;
using support::Duration;
using support::TcpConnection;

constexpr Duration kShort{100};

// Sends back what it gets, on any number of connections, each with a thread of its own.
class EchoServer {
 public:
  EchoServer()
      : acceptor_(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()),
        thread_([this] { Run(); }) {}
  ~EchoServer() {
    stopping_ = true;
    { const TcpConnection wake(port_); }
    thread_.join();
    for (std::thread& thread : connections_) thread.join();
  }

  std::uint16_t port() const { return port_; }

 private:
  void Run() {
    while (true) {
      boost::system::error_code error;
      tcp::socket socket = acceptor_.accept(error);
      if (stopping_) return;
      connections_.emplace_back([socket = std::move(socket)]() mutable {
        std::array<char, 4096> buffer;
        boost::system::error_code ended;
        socket.set_option(tcp::no_delay(true), ended);
        while (true) {
          const std::size_t count = socket.read_some(boost::asio::buffer(buffer), ended);
          if (ended) return;
          boost::asio::write(socket, boost::asio::buffer(buffer, count), ended);
        }
      });
    }
  }

  boost::asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

std::string ReceiveBytes(TcpConnection& connection, std::size_t count) {
  std::string received;
  while (received.size() < count && connection.Receive(received)) {
  }
  return received;
}

class FaultProxyTest : public ::testing::Test {
 protected:
  // Nothing has come for a moment.
  static bool Silent(TcpConnection& connection) {
    std::string received;
    return !connection.TryReceive(received, kShort).has_value();
  }

  EchoServer server_;
  FaultProxy proxy_{server_.port(), 7};
};

TEST_F(FaultProxyTest, ForwardsEverythingAndTheEnd) {
  TcpConnection connection(proxy_.port());
  const std::string block(300'000, 'x');
  for (int i = 0; i < 5; ++i) {
    connection.Send(block);
    ASSERT_EQ(ReceiveBytes(connection, block.size()), block);
  }
  connection.ShutdownWrite();
  std::string rest;
  EXPECT_FALSE(connection.Receive(rest));
  EXPECT_EQ(rest, "");
  support::Await("the link is forgotten", [this] { return proxy_.counts().open == 0; });
  const FaultProxy::Counts counts = proxy_.counts();
  EXPECT_EQ(counts.connections, 1u);
  EXPECT_EQ(counts.bytes_up, 5 * block.size());
  EXPECT_EQ(counts.bytes_down, 5 * block.size());
  EXPECT_EQ(counts.flipped, 0u);
}

TEST_F(FaultProxyTest, CutsWithAResetOrWithAnEnd) {
  for (const CutKind kind : {CutKind::kReset, CutKind::kFin}) {
    TcpConnection connection(proxy_.port());
    connection.Send("up");
    ASSERT_EQ(ReceiveBytes(connection, 2), "up");
    proxy_.Cut(kind);
    char byte = 0;
    ssize_t got = 0;
    support::Await("the end", [&] {
      got = ::recv(connection.descriptor(), &byte, 1, 0);
      return got == 0 || errno != EAGAIN;
    });
    EXPECT_EQ(got, kind == CutKind::kFin ? 0 : -1);
    if (kind == CutKind::kReset) {
      EXPECT_EQ(errno, ECONNRESET);
    }
    EXPECT_EQ(proxy_.counts().open, 0u);
  }
}

TEST_F(FaultProxyTest, StopsOneDirectionAndForwardsLaterWhatItKept) {
  TcpConnection connection(proxy_.port());
  connection.Send("one");
  ASSERT_EQ(ReceiveBytes(connection, 3), "one");
  LinkFaults stopped;
  stopped.stopped = true;
  proxy_.Set(Way::kDown, stopped);
  connection.Send("two");
  support::Await("it went up", [this] { return proxy_.counts().bytes_up == 6; });
  EXPECT_TRUE(Silent(connection));
  proxy_.Heal();
  EXPECT_EQ(ReceiveBytes(connection, 3), "two");
}

TEST_F(FaultProxyTest, SwallowsEverythingUntilItIsHealed) {
  LinkFaults stopped;
  stopped.stopped = true;
  proxy_.Set(Way::kBoth, stopped);
  TcpConnection connection(proxy_.port());
  connection.Send("hole");
  EXPECT_TRUE(Silent(connection));
  EXPECT_EQ(proxy_.counts().bytes_up, 0u);
  proxy_.Heal();
  EXPECT_EQ(ReceiveBytes(connection, 4), "hole");
}

TEST_F(FaultProxyTest, LimitsTheSpeed) {
  LinkFaults slow;
  slow.bytes_per_second = 50'000;
  proxy_.Set(Way::kDown, slow);
  TcpConnection connection(proxy_.port());
  const Clock::time_point sent = Clock::now();
  const std::string block(20'000, 's');
  connection.Send(block);
  EXPECT_EQ(ReceiveBytes(connection, block.size()), block);
  EXPECT_GE(Clock::now() - sent, std::chrono::milliseconds(350));
}

TEST_F(FaultProxyTest, RefusesWhenAsked) {
  proxy_.Refuse(true);
  try {
    TcpConnection refused(proxy_.port());
    std::string received;
    EXPECT_FALSE(refused.Receive(received));
  } catch (const support::TestFailure&) {
    // The reset came before connect() looked.
  }
  EXPECT_EQ(proxy_.counts().bytes_up, 0u);
  proxy_.Heal();
  TcpConnection connection(proxy_.port());
  connection.Send("again");
  EXPECT_EQ(ReceiveBytes(connection, 5), "again");
}

// Returns what comes back of `block`, sent in pieces of `piece` bytes through a corrupting proxy.
std::string Corrupted(std::uint16_t target, std::uint64_t seed, const std::string& block,
                      std::size_t piece) {
  FaultProxy proxy(target, seed);
  LinkFaults corrupting;
  corrupting.flip_every_bytes = 1'000;
  proxy.Set(Way::kUp, corrupting);
  TcpConnection connection(proxy.port());
  std::string received;
  for (std::size_t at = 0; at < block.size(); at += piece) {
    connection.Send(block.substr(at, piece));
    received += ReceiveBytes(connection, std::min(piece, block.size() - at));
  }
  return received;
}

TEST_F(FaultProxyTest, FlipsTheSameBitsWithTheSameSeed) {
  const std::string block(100'000, 'c');
  const std::string first = Corrupted(server_.port(), 1, block, 5'000);
  EXPECT_EQ(first, Corrupted(server_.port(), 1, block, 777));
  EXPECT_NE(first, Corrupted(server_.port(), 2, block, 5'000));
  std::size_t changed = 0;
  for (std::size_t i = 0; i < block.size(); ++i) changed += first[i] != block[i] ? 1 : 0;
  EXPECT_GT(changed, 50u);
  EXPECT_LT(changed, 200u);
}

}  // namespace
}  // namespace faults
