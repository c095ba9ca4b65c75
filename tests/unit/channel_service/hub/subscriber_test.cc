#include "channel_service/hub/subscriber.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <deque>
#include <string>

#include "channel_service/model/contract_limits.h"

namespace channel {
namespace {

constexpr size_t kQueueBytesMax = 4 * kBlockBytesMax;

class SubscriberTest : public ::testing::Test, public Flushable {
 protected:
  using State = Subscriber::State;

  void Flush() override { ++flushes_; }

  FlushList list_;
  QueueTotal total_{2 * kQueueBytesMax};
  Subscriber subscriber_{list_, this, kQueueBytesMax, total_};
  int flushes_ = 0;
};

TEST_F(SubscriberTest, ItsOwnerIsFlushedOnceForATurn) {
  subscriber_.Append("a");
  subscriber_.Append("b");
  list_.FlushAll();
  EXPECT_EQ(flushes_, 1);
  EXPECT_EQ(subscriber_.TakeBlock(), "ab");
  EXPECT_EQ(subscriber_.TakeBlock(), "");
}

TEST_F(SubscriberTest, ABlockIsBoundedAndALargerRecordHasOneOfItsOwn) {
  const std::string half(kBlockBytesMax / 2, 'h');
  const std::string large(kBlockBytesMax + 1, 'l');
  subscriber_.Append(half);
  subscriber_.Append(half);
  subscriber_.Append("x");
  subscriber_.Append(large);
  EXPECT_EQ(subscriber_.queued_bytes(), 2 * half.size() + 1 + large.size());
  EXPECT_EQ(subscriber_.TakeBlock(), half + half);
  EXPECT_EQ(subscriber_.TakeBlock(), "x");
  EXPECT_EQ(subscriber_.TakeBlock(), large);
  EXPECT_EQ(subscriber_.queued_bytes(), 0u);
}

RecordPtr LargeRecord() {
  const std::string body(kBlockBytesMax / 2, 'l');
  PublishInput input;
  input.group_id = "g";
  input.body = body;
  return MakeRecord(input, 1, 0, 5, {});
}

TEST_F(SubscriberTest, ALargePublicationKeepsItsPlaceAmongOthers) {
  const RecordPtr large = LargeRecord();
  subscriber_.Append("a");
  subscriber_.Append(large);
  subscriber_.Append("b");
  subscriber_.Append("c");
  EXPECT_EQ(subscriber_.queued_bytes(), 3 + large->bytes().size());
  EXPECT_EQ(subscriber_.TakeBlock(), "a");
  EXPECT_EQ(subscriber_.TakeBlock(), large->bytes());
  EXPECT_EQ(subscriber_.TakeBlock(), "bc");
  EXPECT_EQ(subscriber_.queued_bytes(), 0u);
}

TEST_F(SubscriberTest, ALargePublicationThatManyDoNotReadIsInMemoryOnce) {
  const RecordPtr large = LargeRecord();
  const size_t before = ::mallinfo2().uordblks;
  std::deque<Subscriber> many;
  for (int i = 0; i < 7; ++i) {
    many.emplace_back(list_, this, kQueueBytesMax, total_).Append(large);
    EXPECT_EQ(many.back().queued_bytes(), large->bytes().size());
  }
  EXPECT_LT(::mallinfo2().uordblks - before, large->bytes().size());
  list_.FlushAll();
}

TEST_F(SubscriberTest, OverItsBoundTheQueueIsDroppedAndTakesNoMore) {
  subscriber_.Append(std::string(kQueueBytesMax, 'x'));
  EXPECT_EQ(subscriber_.state(), State::kOpen);
  subscriber_.Append("x");
  EXPECT_EQ(subscriber_.state(), State::kOverflowed);
  EXPECT_EQ(subscriber_.queued_bytes(), 0u);
  subscriber_.Append("x");
  EXPECT_EQ(subscriber_.queued_bytes(), 0u);
  list_.FlushAll();
  EXPECT_EQ(flushes_, 1) << "its owner has to end the stream";
}

TEST_F(SubscriberTest, OverTheBoundOfAllTheFullestIsDroppedAndNoOther) {
  Subscriber full(list_, this, kQueueBytesMax, total_);
  Subscriber half(list_, this, kQueueBytesMax, total_);
  subscriber_.Append(std::string(kQueueBytesMax / 2, 'x'));
  full.Append(std::string(kQueueBytesMax, 'x'));
  half.Append(std::string(kQueueBytesMax / 2, 'x'));
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 2 * kQueueBytesMax);
  subscriber_.Append("x");
  EXPECT_EQ(full.state(), State::kOverflowed);
  EXPECT_EQ(full.queued_bytes(), 0u);
  EXPECT_EQ(half.state(), State::kOpen);
  EXPECT_EQ(subscriber_.state(), State::kOpen);
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, kQueueBytesMax + 1);
  list_.FlushAll();
  EXPECT_GT(flushes_, 0) << "its owner has to end the stream";
}

TEST_F(SubscriberTest, OverTheBoundOfAllTheAddressThatHasMostLosesItsQueues) {
  constexpr PeerAddress kCrowd{1};
  constexpr PeerAddress kHonest{2};
  std::deque<Subscriber> crowd;
  const size_t each = kQueueBytesMax / 8;
  for (int i = 0; i < 13; ++i) {
    crowd.emplace_back(list_, this, kQueueBytesMax, total_).set_peer(kCrowd);
    crowd.back().Append(std::string(each, 'x'));
  }
  subscriber_.set_peer(kHonest);
  for (int i = 0; i < 4; ++i) subscriber_.Append(std::string(each, 'x'));
  EXPECT_EQ(subscriber_.state(), State::kOpen) << "its queue is the fullest of all";
  EXPECT_EQ(subscriber_.queued_bytes(), 4 * each);
  const auto dropped = std::count_if(crowd.begin(), crowd.end(), [](const Subscriber& one) {
    return one.state() == State::kOverflowed;
  });
  EXPECT_EQ(dropped, 3) << "an eighth of the bound is free again";
  list_.FlushAll();
}

TEST_F(SubscriberTest, UnixSocketsHaveABoundOfTheirOwn) {
  Subscriber local(list_, this, kQueueBytesMax, total_);
  local.set_peer(PeerAddress::kUnix);
  local.Append(std::string(kQueueBytesMax, 'x'));
  std::deque<Subscriber> network;
  for (int i = 0; i < 2; ++i) {
    network.emplace_back(list_, this, kQueueBytesMax, total_).set_peer(PeerAddress{1});
    network.back().Append(std::string(kQueueBytesMax, 'x'));
    EXPECT_EQ(network.back().state(), State::kOpen);
  }
  EXPECT_EQ(local.state(), State::kOpen);
  list_.FlushAll();
}

TEST_F(SubscriberTest, ABlockThatIsNotTakenCanBeDropped) {
  std::deque<Subscriber> crowd;
  const size_t each = kQueueBytesMax / 8;
  for (int i = 0; i < 16; ++i) {
    Subscriber& one = crowd.emplace_back(list_, this, kQueueBytesMax, total_);
    one.set_peer(PeerAddress{1});
    one.Append(std::string(each, 'x'));
    EXPECT_EQ(one.TakeBlock().size(), each);
  }
  for (int i = 0; i < 4; ++i) subscriber_.Append("x");
  EXPECT_EQ(subscriber_.state(), State::kOpen);
  const auto dropped = std::count_if(crowd.begin(), crowd.end(), [](const Subscriber& one) {
    return one.state() == State::kOverflowed;
  });
  EXPECT_EQ(dropped, 3) << "what they hold becomes free when they end";
  list_.FlushAll();
}

TEST_F(SubscriberTest, ABlockCountsUntilTheNextIsTaken) {
  subscriber_.Append("abc");
  EXPECT_EQ(subscriber_.TakeBlock(), "abc");
  EXPECT_EQ(subscriber_.queued_bytes(), 0u);
  EXPECT_EQ(subscriber_.held_bytes(), 3u);
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 3u) << "it is being written";
  EXPECT_EQ(subscriber_.TakeBlock(), "");
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 0u);
  list_.FlushAll();
}

TEST_F(SubscriberTest, WhatIsTakenOrDroppedWaitsNoLonger) {
  {
    Subscriber other(list_, this, kQueueBytesMax, total_);
    other.Append("abc");
    subscriber_.Append("ab");
    EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 5u);
    list_.FlushAll();
  }
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 2u);
  subscriber_.TakeBlock();
  subscriber_.TakeBlock();
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 0u);
  subscriber_.Append("a");
  subscriber_.Close();
  EXPECT_EQ(total_.PoolOf(PeerAddress::kNobody)->bytes, 0u);
}

TEST_F(SubscriberTest, WhatIsQueuedBeforeAFailureCanStillBeTaken) {
  subscriber_.Append("before");
  list_.FlushAll();
  subscriber_.Fail();
  subscriber_.Append("after");
  list_.FlushAll();
  EXPECT_EQ(flushes_, 2);
  EXPECT_EQ(subscriber_.state(), State::kUnavailable);
  EXPECT_EQ(subscriber_.TakeBlock(), "before");
  EXPECT_EQ(subscriber_.TakeBlock(), "");
}

TEST_F(SubscriberTest, ClosedItHoldsNothing) {
  subscriber_.Append("x");
  subscriber_.Close();
  subscriber_.Close();
  subscriber_.Append("x");
  subscriber_.Fail();
  EXPECT_EQ(subscriber_.state(), State::kClosed);
  EXPECT_EQ(subscriber_.TakeBlock(), "");
  list_.FlushAll();
}

}  // namespace
}  // namespace channel
