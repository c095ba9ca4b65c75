// The stream: names in it, and which streams are taken for a log.
#include "channel_service/engine/jetstream_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/contract/jetstream_node.h"
#include "tests/support/nats_client.h"
#include "tests/support/nats_server.h"

namespace channel {
namespace {

using std::chrono::milliseconds;

TEST(SubjectToken, EveryGroupIdHasOneOfItsOwnThatGivesItBack) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::string, std::string> group_by_token;
  for (int i = 0; i < 20'000; ++i) {
    // Few different bytes, so that many group ids nearly make the same token.
    constexpr std::string_view kBytes("a=.2ED*> \0-_Z", 13);
    const bool any = i % 2 == 0;
    std::string group_id(1 + random() % (any ? 255 : 4), '\0');
    for (char& c : group_id) {
      c = any ? static_cast<char>(random()) : kBytes[random() % kBytes.size()];
    }
    const std::string token = ToToken(group_id);
    EXPECT_EQ(token.find_first_of(std::string_view("\0 .*>\t\r\n", 8)), std::string::npos);
    EXPECT_EQ(FromToken(token), group_id);
    const auto known = group_by_token.emplace(token, group_id).first;
    EXPECT_EQ(known->second, group_id) << token;
  }
}

TEST(SubjectToken, WhatNoGroupIdHasIsRefused) {
  for (const char* text : {"", "=", "=2", "a=2", "=2e", "=G0", "=0G", "a.b", "*", ">", "a b",
                           "==", "=61", "=2D", "=5F", "ı", "=2E=", "=2E=4"}) {
    EXPECT_EQ(FromToken(text), std::nullopt) << text;
  }
  // Whatever is taken is the token of what it gives.
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    constexpr std::string_view kBytes = "a=026EFf-.";
    std::string text(random() % 8, '\0');
    for (char& c : text) c = kBytes[random() % kBytes.size()];
    const auto group_id = FromToken(text);
    if (!group_id.has_value()) continue;
    EXPECT_EQ(ToToken(*group_id), text);
  }
}

TEST(StreamSettingsCheck, WhatCannotWorkIsRefusedWithItsFlag) {
  const auto refused = [](void (*change)(StreamSettings&), const char* flag) {
    StreamSettings settings;
    EXPECT_TRUE(settings.Check().ok());
    change(settings);
    const absl::Status status = settings.Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << flag;
    EXPECT_NE(std::string(status.message()).find(flag), std::string::npos) << status;
  };
  refused([](StreamSettings& s) { s.name = ""; }, "--nats_stream");
  refused([](StreamSettings& s) { s.name = "a.b"; }, "--nats_stream");
  refused([](StreamSettings& s) { s.name = std::string(33, 'a'); }, "--nats_stream");
  refused([](StreamSettings& s) { s.replicas = 2; }, "--nats_replicas");
  refused([](StreamSettings& s) { s.bytes_max = 1000; }, "--nats_bytes_max");
  refused([](StreamSettings& s) { s.dedup_window = milliseconds(1000); }, "--dedup_window");
  refused([](StreamSettings& s) { s.age_max = std::chrono::seconds(60); }, "--nats_age_max");
}

class LogStream : public ::testing::Test {
 protected:
  absl::Status TryOpen(const std::string& stream) {
    prometheus::Registry registry;
    return JetstreamEngine::Open(test::TestOptions({nats_.url()}, stream), clock_, registry,
                                 test::TestLimits(), milliseconds(500))
        .status();
  }
  void ExpectRefused(const support::NatsStream& stream) {
    support::NatsClient client(nats_.url());
    client.MakeStream(stream);
    const uint64_t last = client.Publish(stream.name + ".log.x", "kept");
    const absl::Status status = TryOpen(stream.name);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_NE(std::string(status.message()).find(stream.name), std::string::npos) << status;
    EXPECT_EQ(client.LastSequence(stream.name), last);
    EXPECT_EQ(client.IsInMemory(stream.name), stream.in_memory);
  }

  SystemClock clock_;
  support::NatsServer nats_;
};

TEST_F(LogStream, ItsEpochIsKeptOverARestartOfNatsAndIsAnotherForANewStream) {
  const auto options = test::TestOptions({nats_.url()}, "LOG");
  const auto epoch = [&] { return test::JetstreamNode(options, clock_)->engine().epoch(); };
  const std::string first = epoch();
  EXPECT_EQ(epoch(), first) << "of one stream";
  nats_.Kill();
  nats_.Start();
  EXPECT_EQ(epoch(), first);
  support::NatsClient(nats_.url()).RemoveStream("LOG");
  EXPECT_NE(epoch(), first);
}

TEST_F(LogStream, OneWithoutRepublicationIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .republishes = false});
}

TEST_F(LogStream, OneInMemoryIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .in_memory = true});
}

TEST_F(LogStream, OneWithoutDirectGetsIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .allows_direct = false});
}

TEST_F(LogStream, OneOfOtherSubjectsIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .subject = "A.>", .republishes = false});
}

TEST_F(LogStream, OneThatNamesNoEpochIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .description = "somebody's"});
}

TEST_F(LogStream, OneWithOtherLimitsIsUsedWithThese) {
  support::NatsClient(nats_.url()).MakeStream({.name = "A", .per_subject_max = 3});
  test::JetstreamNode node(test::TestOptions({nats_.url()}, "A"), clock_);
  const uint64_t first = node->Publish("g", "0");
  for (int i = 1; i < 6; ++i) node->Publish("g", std::to_string(i));
  const ReadResult result = node->ReadSince("g", first);
  EXPECT_EQ(test::BodiesOf(result.records), (std::vector<std::string>{"3", "4", "5"}));
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->after, first);
  EXPECT_EQ(result.gap->before, result.records[0]->offset);
}

TEST_F(LogStream, WithoutNatsItIsUnavailable) {
  nats_.Kill();
  const absl::Status status = TryOpen("A");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(std::string(status.message()).find(nats_.url()), std::string::npos) << status;
}

TEST_F(LogStream, WithANatsThatSaysNothingItIsUnavailable) {
  nats_.Freeze();
  const absl::Status status = TryOpen("A");
  nats_.Thaw();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

}  // namespace
}  // namespace channel
