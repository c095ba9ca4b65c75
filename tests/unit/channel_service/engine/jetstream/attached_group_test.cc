// A group gives its sink a chain, though live publications come with holes. It reads them in the
// fixture's log: publications at 3, 5, 8, 9 and 12.
#include "channel_service/engine/jetstream/attached_group.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/channel_service/engine/jetstream/log_fixture.h"

namespace channel {
namespace {

using Offsets = std::vector<uint64_t>;

class AttachedGroupTest : public LogFixture, public GroupSink {
 protected:
  ~AttachedGroupTest() override {
    if (attached_) group_->Detach();
    EXPECT_EQ(context_.waiting_bytes, 0u);
    EXPECT_EQ(context_.recent.bytes(), 0u);
  }

  void OnPublication(const RecordPtr& record) override {
    given_.push_back(record->offset);
    previous_.push_back(record->previous_offset);
    if (record->offset == detach_at_) Detach();
  }

  void Detach() {
    attached_ = false;
    group_->Detach();
  }
  void AwaitGiven(const Offsets& offsets) {
    Await([&] { return given_.size() >= offsets.size(); });
    EXPECT_EQ(given_, offsets);
  }
  // Waits until the group is given what is live, and what follows its head.
  void AwaitHead(uint64_t head = 12) { AwaitHeadOf(*group_, head); }
  void AwaitHeadOf(AttachedGroup& group, uint64_t head) {
    bool answered = false;
    group.StartRead({.group_id = "g", .count_max = 0}, [&](const ReadResult& result) {
      EXPECT_EQ(result.head, head);
      answered = true;
    });
    Await([&] { return answered; });
  }
  // Reads behind position 12, and returns whether the one publication "live" is the answer at once:
  // what the group has kept needs no NATS.
  bool ReadsLiveAtOnce() {
    bool answered = false;
    group_->StartRead(
        {.group_id = "g", .since = StreamPosition{"one", 12}}, [&](const ReadResult& result) {
          answered = test::BodiesOf(result.records) == std::vector<std::string>{"live"};
        });
    return answered;
  }
  // NATS brings a publication that was stored behind the one at `last`.
  void Live(uint64_t offset, uint64_t last) { LiveIn(*group_, offset, last, "live"); }
  static void LiveIn(AttachedGroup& group, uint64_t offset, uint64_t last, std::string_view body) {
    natsMsg* message = nullptr;
    const std::string content = SerializeContent(
        {.group_id = "g", .body = body, .key = {}, .publisher = {}}, 1'700'000'000'000);
    EXPECT_EQ(natsMsg_Create(&message, "LOG.live.g", nullptr, content.data(),
                             static_cast<int>(content.size())),
              NATS_OK);
    group.OnLive({.message = std::unique_ptr<natsMsg, NatsMessageDeleter>(message),
                  .sequence = offset,
                  .last_sequence = last});
  }

  TwoServers servers_{url(), {.held = {3, 5}, .last = 6}, {.held = {3, 5, 8, 9, 12}, .last = 13}};
  ServiceLimits limits_;
  prometheus::Registry registry_;
  JetStreamMetrics metrics_{registry_};
  AttachedGroupContext context_{reader(), "LOG", LogStream{"one", 100}, limits_, clock(), metrics_};
  std::shared_ptr<AttachedGroup> group_ = std::make_shared<AttachedGroup>(context_, "g", this);
  bool attached_ = true;
  uint64_t detach_at_ = 0;
  Offsets given_;
  Offsets previous_;
};

TEST_F(AttachedGroupTest, LivePublicationsWaitUntilTheHeadIsKnown) {
  group_->Start();
  Live(14, 12);
  Live(9, 8);  // before the head: nobody attached for it
  EXPECT_EQ(given_, Offsets{});
  EXPECT_GT(context_.waiting_bytes, 0u);
  AwaitGiven({14});
  EXPECT_EQ(previous_, Offsets{12});
  Live(15, 14);
  Live(15, 14);  // a second time
  EXPECT_EQ(given_, (Offsets{14, 15}));
}

TEST_F(AttachedGroupTest, WhatAHoleShowsIsReadAndLiveOnesWait) {
  servers_.Script(1, 0);  // the head is told by a server that is behind
  group_->Start();
  AwaitHead(5);
  Live(12, 9);
  Live(14, 12);
  EXPECT_EQ(given_, Offsets{});
  AwaitGiven({8, 9, 12, 14});
  EXPECT_EQ(previous_, (Offsets{5, 8, 9, 12}));
  EXPECT_EQ(metrics_.resubscriptions.Value(), 1);
}

TEST_F(AttachedGroupTest, ASinkMayDetachItsGroupWhileItIsGivenSomething) {
  group_->Start();
  Live(14, 12);
  Live(15, 14);
  detach_at_ = 14;
  AwaitGiven({14});
}

TEST_F(AttachedGroupTest, RecentPublicationsAreReadWithoutNats) {
  group_->Start();
  AwaitHead();
  Live(14, 12);
  reader().Saw(14);
  EXPECT_TRUE(ReadsLiveAtOnce());
  group_->DropOlderThan(clock().Now() + std::chrono::seconds(1));
  EXPECT_EQ(context_.recent.bytes(), 0u);
}

TEST_F(AttachedGroupTest, BeyondTheBoundOfAllTheGroupsThatKeepMostGive) {
  limits_.history_total_bytes_max = 10'000;
  const auto loud = std::make_shared<AttachedGroup>(context_, "g", this);
  for (const auto& group : {group_, loud}) {
    group->Start();
    AwaitHeadOf(*group, 12);
  }
  Live(14, 12);
  for (uint64_t offset = 15; offset < 40; ++offset) {
    LiveIn(*loud, offset, offset == 15 ? 12 : offset - 1, std::string(1000, 'x'));
    EXPECT_LE(context_.recent.bytes(), limits_.history_total_bytes_max);
  }
  EXPECT_GT(context_.recent.bytes(), limits_.history_total_bytes_max - 2000);
  reader().Saw(14);
  EXPECT_TRUE(ReadsLiveAtOnce());
  loud->Detach();
}

TEST_F(AttachedGroupTest, AReadThatWaitsForTheHeadIsAnsweredByAStop) {
  group_->Start();
  bool available = true;
  group_->StartRead({.group_id = "g"},
                    [&](const ReadResult& result) { available = result.available; });
  group_->Stop();
  EXPECT_FALSE(available);
}

}  // namespace
}  // namespace channel
