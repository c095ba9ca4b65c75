// Which settings are refused, and which streams are taken for a log.
#include "channel_service/engine/jetstream/log_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/contract/jetstream_node.h"
#include "tests/support/nats_client.h"
#include "tests/support/nats_server.h"

namespace channel {
namespace {

using std::chrono::milliseconds;

TEST(StreamConfigCheck, WhatCannotWorkIsRefusedWithItsFlag) {
  const auto refused = [](void (*change)(StreamConfig&), const char* flag) {
    StreamConfig settings;
    EXPECT_TRUE(settings.Check().ok());
    change(settings);
    const absl::Status status = settings.Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << flag;
    EXPECT_NE(std::string(status.message()).find(flag), std::string::npos) << status;
  };
  refused([](StreamConfig& s) { s.name = ""; }, "--nats_stream");
  refused([](StreamConfig& s) { s.name = "a.b"; }, "--nats_stream");
  refused([](StreamConfig& s) { s.name = std::string(33, 'a'); }, "--nats_stream");
  refused([](StreamConfig& s) { s.replicas = 2; }, "--nats_replicas");
  refused([](StreamConfig& s) { s.bytes_max = 1000; }, "--nats_bytes_max");
  refused([](StreamConfig& s) { s.dedup_window = milliseconds(1000); }, "--dedup_window");
  refused([](StreamConfig& s) { s.age_max = std::chrono::seconds(60); }, "--nats_age_max");
}

class LogStreamTest : public ::testing::Test {
 protected:
  absl::Status TryOpen(const std::string& stream) {
    prometheus::Registry registry;
    return JetStreamEngine::Open(test::TestOptions({nats_.url()}, stream), clock_, registry,
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

TEST_F(LogStreamTest, ItsEpochIsKeptOverARestartOfNatsAndIsAnotherForANewStream) {
  const auto options = test::TestOptions({nats_.url()}, "LOG");
  const auto epoch = [&] { return test::JetStreamNode(options, clock_)->engine().epoch(); };
  const std::string first = epoch();
  EXPECT_EQ(epoch(), first) << "of one stream";
  nats_.Kill();
  nats_.Start();
  EXPECT_EQ(epoch(), first);
  support::NatsClient(nats_.url()).RemoveStream("LOG");
  EXPECT_NE(epoch(), first);
}

TEST_F(LogStreamTest, OneThatIsMadeBeginsWithAMessageOfItsOwn) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(TryOpen("LOG").ok());
    EXPECT_EQ(support::NatsClient(nats_.url()).LastSequence("LOG"), 1u);
  }
}

TEST_F(LogStreamTest, OneWithoutRepublicationIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .republishes = false});
}

TEST_F(LogStreamTest, OneInMemoryIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .in_memory = true});
}

TEST_F(LogStreamTest, OneWithoutDirectGetsIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .allows_direct = false});
}

TEST_F(LogStreamTest, OneOfOtherSubjectsIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .subject = "A.>", .republishes = false});
}

TEST_F(LogStreamTest, OneThatNamesNoEpochIsRefusedAndLeftAlone) {
  ExpectRefused({.name = "A", .description = "somebody's"});
}

TEST_F(LogStreamTest, OneWithOtherLimitsIsUsedWithThese) {
  support::NatsClient(nats_.url()).MakeStream({.name = "A", .per_subject_max = 3});
  test::JetStreamNode node(test::TestOptions({nats_.url()}, "A"), clock_);
  const uint64_t first = node->Publish("g", "0");
  for (int i = 1; i < 6; ++i) node->Publish("g", std::to_string(i));
  const ReadResult result = node->ReadSince("g", first);
  EXPECT_EQ(test::BodiesOf(result.records), (std::vector<std::string>{"3", "4", "5"}));
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->after, first);
  EXPECT_EQ(result.gap->before, result.records[0]->offset);
}

TEST_F(LogStreamTest, WithoutNatsItIsUnavailable) {
  nats_.Kill();
  const absl::Status status = TryOpen("A");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(std::string(status.message()).find(nats_.url()), std::string::npos) << status;
}

TEST_F(LogStreamTest, WithANatsThatSaysNothingItIsUnavailable) {
  nats_.Freeze();
  const absl::Status status = TryOpen("A");
  nats_.Thaw();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

}  // namespace
}  // namespace channel
