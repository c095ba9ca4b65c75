// Tests who is a crowd and who is not, on real sockets: the kernel says what is held back.
#include "channel_service/rpc/crowd_pacer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <string>

namespace channel {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;

class CrowdPacerTest : public ::testing::Test {
 protected:
  // Some window comes before.
  void SetUp() override { Window(0); }

  void Connect(int count, const char* address) {
    for (int i = 0; i < count; ++i) {
      tcp::socket& client = clients_.emplace_back(context_);
      client.connect(listener_.local_endpoint());
      const int duplicate = ::dup(listener_.accept().native_handle());
      const tcp::endpoint peer(boost::asio::ip::make_address(address), 1000);
      connections_.push_back(std::make_shared<GuardedConnection>(
          connections_.size() + 1, peer, duplicate, ConnectionRules(now_, 0)));
    }
  }
  // A window passes in which each connection from `first` on makes so many calls, and the loop is
  // busy for so long.
  void Window(int calls, size_t first = 0, milliseconds busy = milliseconds(20)) {
    now_ += milliseconds(20);
    cpu_ += busy;
    for (size_t i = first; i < connections_.size(); ++i) {
      for (int call = 0; call < calls; ++call) connections_[i]->tally->OnOpened();
    }
    if (pacer_.IsDue(now_, cpu_)) pacer_.Pace(connections_);
  }
  // 'r' for each connection that is read, '-' for each that is held back.
  std::string Read() const {
    std::string read;
    for (const GuardedConnectionPtr& connection : connections_) {
      int bytes = 0;
      socklen_t size = sizeof bytes;
      ::getsockopt(connection->descriptor, SOL_SOCKET, SO_RCVLOWAT, &bytes, &size);
      read += bytes == 1 ? 'r' : '-';
    }
    return read;
  }
  // Each client sends so many bytes.
  void Send(size_t bytes) {
    for (tcp::socket& client : clients_)
      boost::asio::write(client, boost::asio::buffer(std::string(bytes, 'x')));
  }

  boost::asio::io_context context_;
  tcp::acceptor listener_{context_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::deque<tcp::socket> clients_;
  std::vector<GuardedConnectionPtr> connections_;
  SteadyTime now_ = SteadyTime(std::chrono::hours(1));
  milliseconds cpu_{0};
  CrowdPacer pacer_;
};

TEST_F(CrowdPacerTest, ACrowdIsReadInTurn) {
  Connect(6, "192.0.2.1");
  Send(3000);
  Window(20);
  EXPECT_EQ(Read(), "rrrrrr") << "calls are counted from now on";
  Window(20);
  EXPECT_EQ(Read(), "rr----") << "two have 4 KiB";
  EXPECT_TRUE(pacer_.pacing());
  Window(20);
  EXPECT_EQ(Read(), "--rr--");
  Window(20);
  EXPECT_EQ(Read(), "----rr");
  Window(20);
  EXPECT_EQ(Read(), "rr----");
}

TEST_F(CrowdPacerTest, WhoSendsLittleIsReadWithTheOthers) {
  Connect(6, "192.0.2.1");
  Send(100);
  Window(20);
  Window(20);
  EXPECT_EQ(Read(), "rrrrrr");
}

TEST_F(CrowdPacerTest, ASecondLaterAllAreReadAgain) {
  Connect(6, "192.0.2.1");
  Send(5000);
  Window(20);
  Window(20);
  EXPECT_EQ(Read(), "r-----");
  for (int i = 0; i < 49; ++i) Window(0);
  EXPECT_TRUE(pacer_.pacing());
  Window(0);
  EXPECT_FALSE(pacer_.pacing());
  EXPECT_EQ(Read(), "rrrrrr");
}

TEST_F(CrowdPacerTest, OthersAreReadAllTheTime) {
  Connect(1, "192.0.2.2");
  Connect(5, "192.0.2.1");
  Send(5000);
  Window(20, 1);
  Window(20, 1);
  EXPECT_EQ(Read(), "rr----");
}

TEST_F(CrowdPacerTest, AFewConnectionsAreNoCrowd) {
  Connect(3, "192.0.2.1");
  Send(5000);
  for (int i = 0; i < 5; ++i) Window(100);
  EXPECT_EQ(Read(), "rrr");
}

TEST_F(CrowdPacerTest, ManyConnectionsWithFewCallsAreNoCrowd) {
  Connect(50, "192.0.2.1");
  Send(5000);
  for (int i = 0; i < 5; ++i) Window(1);
  EXPECT_FALSE(pacer_.pacing());
}

TEST_F(CrowdPacerTest, NobodyIsACrowdWhileTheLoopHasTime) {
  Connect(6, "192.0.2.1");
  Send(5000);
  for (int i = 0; i < 5; ++i) Window(100, 0, milliseconds(9));
  EXPECT_FALSE(pacer_.pacing());
}

TEST_F(CrowdPacerTest, TwoAddressesWithAsMuchAreNoCrowd) {
  Connect(6, "192.0.2.1");
  Connect(6, "192.0.2.2");
  Send(5000);
  for (int i = 0; i < 5; ++i) Window(20);
  EXPECT_FALSE(pacer_.pacing());
}

}  // namespace
}  // namespace channel
