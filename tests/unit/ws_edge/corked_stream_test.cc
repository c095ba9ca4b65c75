#include "ws_edge/net/corked_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "ws_edge/limits.h"

namespace edge {
namespace {

constexpr size_t kQueueBytesMax = 100;
constexpr size_t kSocketBytesMax = 1 << 20;  // more than a socket takes at once

// A stream and the other end of its connection.
class CorkedStreamTest : public ::testing::Test, private ReadGate::Observer {
 protected:
  CorkedStreamTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    Socket socket(loop_.get_executor());
    socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
    stream_.emplace(std::move(socket), &flush_list_, &gate_);
    peer_ = ends[1];
  }
  ~CorkedStreamTest() override { ::close(peer_); }

  void Append(std::string_view bytes) { stream_->AppendPing(Frame::Copy(bytes)); }

  // Returns all that the peer can read now.
  std::string Receive() {
    std::string all;
    char buffer[1 << 16];
    ssize_t size = 0;
    while ((size = ::recv(peer_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
      all.append(buffer, static_cast<size_t>(size));
    }
    return all;
  }

  void Turn() {
    loop_.restart();
    loop_.poll();
  }

  void OnMessageIncomplete(bool) override {}
  void OnReadHeld() override {}

  const PaceLimits pace_;
  const channel::SystemClock clock_;
  ReadGate gate_{pace_, clock_, *this};
  boost::asio::io_context loop_{1};
  LoopFlushList flush_list_{loop_};
  std::optional<CorkedStream> stream_;
  int peer_ = -1;
};

TEST_F(CorkedStreamTest, NothingLeavesBeforeTheEndOfTheTurn) {
  Append("one");
  Append("two");
  EXPECT_EQ(Receive(), "");
  EXPECT_EQ(stream_->queued_bytes(), 6 + 2 * sizeof(FramePtr));
  Turn();
  EXPECT_EQ(Receive(), "onetwo");
  EXPECT_EQ(stream_->queued_bytes(), 0u);
}

// Small and large ones, more than the socket takes at once, and a deep queue.
TEST_F(CorkedStreamTest, FramesKeepTheirOrder) {
  const std::pair<int, std::function<size_t(int)>> rows[] = {
      {200, [](int i) { return i % 7 == 0 ? 900 : 5; }},
      {40, [](int) { return 50'001; }},
      {100'000, [](int i) { return i % 3 + 1; }},
  };
  for (const auto& [count, size_of] : rows) {
    std::string expected;
    for (int i = 0; i < count; ++i) {
      const std::string frame(size_of(i), static_cast<char>('a' + i % 26));
      expected += frame;
      Append(frame);
    }
    std::string received;
    for (int i = 0; i < 10'000 && received.size() < expected.size(); ++i) {
      Turn();
      received += Receive();
    }
    EXPECT_TRUE(received == expected) << count;
    EXPECT_EQ(stream_->queued_bytes(), 0u);
  }
}

TEST_F(CorkedStreamTest, ABigQueueIsSentBeforeTheTurnEnds) {
  for (size_t bytes = 0; bytes <= kFlushEarlyBytes; bytes += 1000) Append(std::string(1000, 'x'));
  EXPECT_GT(Receive().size(), kFlushEarlyBytes / 2);
}

TEST_F(CorkedStreamTest, DroppingTheQueueKeepsAFrameThatIsOnItsWay) {
  const std::string frame(60'000, 'x');
  for (int i = 0; i < 40; ++i) Append(frame);
  Turn();
  EXPECT_GT(stream_->queued_bytes(), 0u);
  stream_->DropQueue();
  EXPECT_LE(stream_->queued_bytes(), frame.size() + sizeof(FramePtr));
  Append("end");
  std::string received;
  for (int i = 0; i < 1000 && stream_->queued_bytes() > 0; ++i) {
    received += Receive();
    Turn();
  }
  received += Receive();
  EXPECT_EQ(received.size() % frame.size(), 3u);
  EXPECT_TRUE(received.ends_with("xend"));
}

TEST_F(CorkedStreamTest, NoDataFollowsTheCloseFrame) {
  const std::string close("\x88\x00", 2);
  bool completed = false;
  stream_->async_write_some(boost::asio::buffer(close),
                            [&](CorkedStream::Error error, size_t bytes) {
                              completed = true;
                              EXPECT_FALSE(error);
                              EXPECT_EQ(bytes, 2u);
                            });
  EXPECT_FALSE(completed) << "Beast must not be called back inside its call";
  Append("data");
  Turn();
  EXPECT_TRUE(completed);
  EXPECT_EQ(Receive(), close);
}

TEST_F(CorkedStreamTest, DataIsTakenOnlyWhileItIsAllowed) {
  EXPECT_TRUE(stream_->Offer(Frame::Copy("early"), kQueueBytesMax));
  stream_->BeginData();
  EXPECT_TRUE(stream_->Offer(Frame::Copy("data"), kQueueBytesMax));
  stream_->EndData();
  EXPECT_TRUE(stream_->Offer(Frame::Copy("late"), kQueueBytesMax));
  Turn();
  EXPECT_EQ(Receive(), "data");
  EXPECT_EQ(stream_->offered(), 1u);
}

TEST_F(CorkedStreamTest, AFullQueueTakesNoMoreData) {
  stream_->BeginData();
  const std::string large(kQueueBytesMax + kSocketBytesMax, 'x');
  EXPECT_TRUE(stream_->Offer(Frame::Copy(large), kQueueBytesMax)) << "an empty queue takes any";
  EXPECT_FALSE(stream_->Offer(Frame::Copy("y"), kQueueBytesMax));
  EXPECT_EQ(stream_->offered(), 1u);
}

TEST_F(CorkedStreamTest, AQueueThatTheSocketTakesIsNotFull) {
  stream_->BeginData();
  constexpr size_t kSmallBound = 10;
  for (const char* frame : {"12345678", "abcdefgh", "ABCDEFGH"}) {
    EXPECT_TRUE(stream_->Offer(Frame::Copy(frame), kSmallBound));
  }
  Turn();
  EXPECT_EQ(Receive(), "12345678abcdefghABCDEFGH");
}

TEST_F(CorkedStreamTest, AFrameAloneIsWrittenAtOnceButNotBeforeOthers) {
  EXPECT_TRUE(stream_->OfferAlone(Frame::Copy("early"), kQueueBytesMax));
  stream_->BeginData();
  EXPECT_TRUE(stream_->OfferAlone(Frame::Copy("one"), kQueueBytesMax));
  EXPECT_EQ(Receive(), "one");
  EXPECT_EQ(stream_->queued_bytes(), 0u);
  Append("ping");
  EXPECT_TRUE(stream_->OfferAlone(Frame::Copy("two"), kQueueBytesMax));
  EXPECT_EQ(Receive(), "");
  Turn();
  EXPECT_EQ(Receive(), "pingtwo");
}

TEST_F(CorkedStreamTest, OfAFrameAloneTheSocketMayTakeAPart) {
  stream_->BeginData();
  const std::string large(4 << 20, 'x');
  EXPECT_TRUE(stream_->OfferAlone(Frame::Copy(large), kQueueBytesMax));
  EXPECT_GT(stream_->queued_bytes(), 0u);
  EXPECT_FALSE(stream_->OfferAlone(Frame::Copy("y"), kQueueBytesMax));
  std::string received;
  for (int i = 0; i < 1000 && received.size() < large.size(); ++i) {
    received += Receive();
    Turn();
  }
  EXPECT_EQ(received, large);
  EXPECT_TRUE(stream_->OfferAlone(Frame::Copy("end"), kQueueBytesMax));
  EXPECT_EQ(Receive(), "end");
}

TEST_F(CorkedStreamTest, AClosedStreamWritesToNobodyElse) {
  stream_->BeginData();
  EXPECT_TRUE(stream_->Offer(Frame::Copy("dropped"), kQueueBytesMax));
  const int descriptor = stream_->socket().native_handle();
  stream_->Close();
  int others[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
  ASSERT_TRUE(others[0] == descriptor || others[1] == descriptor) << "the number is used again";
  EXPECT_TRUE(stream_->Offer(Frame::Copy("late"), kQueueBytesMax));
  Append("ping");
  Turn();
  char byte = 0;
  for (const int end : others) EXPECT_EQ(::recv(end, &byte, 1, MSG_DONTWAIT), -1);
  for (const int end : others) ::close(end);
}

TEST_F(CorkedStreamTest, AStreamMayGoWhileItIsMarked) {
  Append("never sent");
  stream_.reset();
  Turn();
  SUCCEED();
}

TEST_F(CorkedStreamTest, AStreamMayGoWhileItWaitsForTheSocket) {
  for (int i = 0; i < 40; ++i) Append(std::string(60'000, 'x'));
  Turn();
  EXPECT_GT(stream_->queued_bytes(), 0u);
  Receive();
  stream_.reset();
  Turn();
  SUCCEED();
}

TEST_F(CorkedStreamTest, ABrokenConnectionDropsTheQueue) {
  ::shutdown(peer_, SHUT_RDWR);
  Append("x");
  Turn();
  Append("y");
  EXPECT_EQ(stream_->queued_bytes(), 0u);
}

}  // namespace
}  // namespace edge
