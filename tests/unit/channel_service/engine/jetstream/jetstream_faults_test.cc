// The JetStream engine while NATS is killed, frozen, or changes its leader.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/contract/jetstream_node.h"
#include "tests/support/fake_clock.h"
#include "tests/support/nats_client.h"
#include "tests/support/nats_server.h"

namespace channel {
namespace {

using Bodies = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The publications that were asked for, to be compared with those of the log.
class Sent {
 public:
  explicit Sent(test::JetStreamNode& node) : node_(node) {}

  void Start(const std::string& group_id, const std::string& body) {
    sent_[group_id].emplace_back(node_->StartPublish(group_id, body), body);
  }
  // Each accepted, in order; returns nothing but failures of the test.
  void ExpectAccepted() {
    for (const auto& [group_id, publications] : sent_) {
      uint64_t newest = 0;
      for (const auto& [ticket, body] : publications) {
        const PublishOutcome outcome = node_->AwaitOutcome(ticket);
        EXPECT_EQ(outcome.code, PublishCode::kAccepted) << group_id << " " << body;
        EXPECT_GT(outcome.offset, newest) << group_id << " " << body;
        newest = outcome.offset;
      }
    }
  }
  Bodies BodiesOf(const std::string& group_id) const {
    Bodies bodies;
    for (const auto& [ticket, body] : sent_.at(group_id)) bodies.push_back(body);
    return bodies;
  }
  // The log has each once, in order, and nothing else.
  void ExpectStored() {
    for (const auto& [group_id, publications] : sent_) {
      const ReadResult result = node_->Read({.group_id = group_id});
      EXPECT_EQ(test::BodiesOf(result.records), BodiesOf(group_id)) << group_id;
    }
  }

 private:
  test::JetStreamNode& node_;
  std::map<std::string, std::vector<std::pair<uint64_t, std::string>>> sent_;
};

JetStreamOptions Options(std::vector<std::string> servers, std::string node) {
  auto options = test::TestOptions(std::move(servers), "LOG");
  options.node = std::move(node);
  options.stream.publications_per_group_max = 1000;
  return options;
}

TEST(JetStreamFaults, WhatIsPublishedWhileNatsIsDeadIsStoredOnceInOrderWhenItIsBack) {
  SystemClock clock;
  support::NatsServer nats;
  test::JetStreamNode node(Options({nats.url()}, "a"), clock);
  Sent sent(node);
  for (const char* group_id : {"g", "h"}) node->Attach(group_id);
  for (int i = 0; i < 10; ++i) sent.Start(i % 2 == 0 ? "g" : "h", "before " + std::to_string(i));
  nats.Kill();  // some of these are stored, some not
  for (int i = 0; i < 50; ++i) {
    sent.Start(std::string(1, static_cast<char>('g' + i % 4)), std::to_string(i));
  }
  node->RunUntil([] { return false; }, milliseconds(1500));
  nats.Start();
  sent.ExpectAccepted();
  sent.ExpectStored();
  for (const char* group_id : {"g", "h"}) {
    EXPECT_EQ(node->AwaitBodies(group_id, sent.BodiesOf(group_id).size()), sent.BodiesOf(group_id));
  }
}

TEST(JetStreamFaults, AfterTenSecondsWithoutNatsPublicationsAndReadsAreUnavailable) {
  test::FakeClock clock;
  support::NatsServer nats;
  test::JetStreamNode node(Options({nats.url()}, "a"), clock);
  node->Publish("g", "before");
  nats.Kill();
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 500; ++i) tickets.push_back(node->StartPublish("g", std::to_string(i)));
  bool read = false;
  node->engine().StartRead({.group_id = "g"}, [&](const ReadResult& result) {
    EXPECT_FALSE(result.available);
    read = true;
  });
  const auto step = [&] {
    clock.Step(milliseconds(500));
    node->RunUntil([] { return false; }, milliseconds(60));  // a tick of the link
  };
  for (int i = 0; i < 18; ++i) step();
  EXPECT_FALSE(node->Outcome(tickets.front()).has_value()) << "it is waited for";
  EXPECT_FALSE(read);
  for (int i = 0; i < 2; ++i) step();
  for (const uint64_t ticket : tickets) {
    const auto outcome = node->Outcome(ticket);
    ASSERT_TRUE(outcome.has_value()) << "all of a group at the same time, not one by one";
    EXPECT_EQ(outcome->code, PublishCode::kUnavailable);
  }
  // The last question of a read has 2 s for its answer.
  for (int i = 0; i < 6 && !read; ++i) step();
  EXPECT_TRUE(read);
  EXPECT_EQ(node.Metric("channel_engine_pending_publications"), 0);
}

TEST(JetStreamFaults, ItIsNotReadyWithinFourSecondsAfterNatsDiedAndReadyWhenItIsBack) {
  SystemClock clock;
  support::NatsServer nats;
  test::JetStreamNode node(Options({nats.url()}, "a"), clock);
  node.AwaitReady(true);
  nats.Kill();
  node.AwaitReady(false, seconds(4));
  EXPECT_EQ(node.Metric("channel_engine_ready"), 0);
  nats.Start();
  node.AwaitReady(true);
}

TEST(JetStreamFaults, StopWhileNatsIsAwayAnswersWhatWaitsAtOnce) {
  SystemClock clock;
  support::NatsServer nats;
  test::JetStreamNode node(Options({nats.url()}, "a"), clock);
  node->Publish("g", "before");
  nats.Kill();
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 20; ++i) tickets.push_back(node->StartPublish("g", "x"));
  int not_available = 0;
  for (const char* group_id : {"g", "h"}) {
    node->engine().StartRead({.group_id = group_id}, [&](const ReadResult& result) {
      if (!result.available) ++not_available;
    });
  }
  const auto started = support::Clock::now();
  node->Stop();
  EXPECT_LT(support::Clock::now() - started, seconds(2));
  EXPECT_EQ(not_available, 2);
  tickets.push_back(node->StartPublish("g", "late"));
  for (const uint64_t ticket : tickets) {
    const auto outcome = node->Outcome(ticket);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->code, PublishCode::kUnavailable);
  }
  EXPECT_FALSE(node->Read({.group_id = "g"}).available);
  EXPECT_FALSE(node.ready());
}

TEST(JetStreamFaults, AFrozenNatsLosesNothing) {
  SystemClock clock;
  support::NatsServer nats;
  test::JetStreamNode publisher(Options({nats.url()}, "a"), clock);
  test::JetStreamNode listener(Options({nats.url()}, "b"), clock);
  listener->Attach("g");
  Sent sent(publisher);
  for (int i = 0; i < 10; ++i) sent.Start("g", "before " + std::to_string(i));
  nats.Freeze();
  for (int i = 0; i < 10; ++i) sent.Start("g", "frozen " + std::to_string(i));
  // Until the links are given up: two pings of a second each.
  publisher->RunUntil([] { return false; }, milliseconds(4000));
  nats.Thaw();
  sent.ExpectAccepted();
  sent.ExpectStored();
  EXPECT_EQ(listener->AwaitBodies("g", 20), sent.BodiesOf("g"));
}

class JetStreamClusterFaults : public ::testing::Test {
 protected:
  JetStreamOptions Replicated(std::vector<std::string> servers, std::string node) {
    auto options = Options(std::move(servers), std::move(node));
    options.stream.replicas = 3;
    return options;
  }
  // Any server but this one.
  support::NatsServer& Other(const support::NatsServer& server) {
    return cluster_.server(0).name() == server.name() ? cluster_.server(1) : cluster_.server(0);
  }

  SystemClock clock_;
  support::NatsCluster cluster_;
};

TEST_F(JetStreamClusterFaults, WhatIsPublishedWhileALinkIsCutIsBroughtWhenItIsBack) {
  test::JetStreamNode maker(Replicated(cluster_.urls(), "m"), clock_);
  support::NatsServer& leader = cluster_.LeaderOf("LOG");
  support::NatsServer& cut = Other(leader);
  test::JetStreamNode publisher(Replicated({leader.url()}, "a"), clock_);
  test::JetStreamNode listener(Replicated({cut.url()}, "b"), clock_);
  listener->Attach("g");
  listener->Attach("quiet");
  publisher->Publish("g", "before");
  listener->AwaitBodies("g", 1);
  cut.Freeze();
  Bodies sent = {"before"};
  for (int i = 0; i < 30; ++i) {
    sent.push_back(std::to_string(i));
    publisher->Publish("g", sent.back());
  }
  EXPECT_EQ(listener->live("g").size(), 1u);
  // It finds out by pings, and goes to another server.
  EXPECT_EQ(listener->AwaitBodies("g", sent.size()), sent);
  cut.Thaw();
  const auto& live = listener->live("g");
  for (size_t i = 1; i < live.size(); ++i) {
    EXPECT_LE(live[i]->previous_offset, live[i - 1]->offset);
  }
  EXPECT_TRUE(listener->live("quiet").empty());
}

}  // namespace
}  // namespace channel
