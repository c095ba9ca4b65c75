#include "channel_service/wire/record.h"

#include <gtest/gtest.h>

#include <random>

#include "channel/v1/channel.pb.h"

namespace channel {
namespace {

std::string RandomBytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>('a' + random() % 26);
  return bytes;
}

TEST(RecordTest, WhatIsWrittenByHandIsWhatProtobufReads) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::string group = RandomBytes(random, 1 + random() % 255);
    const std::string body = RandomBytes(random, random() % (i % 100 == 0 ? 70000 : 300));
    PublishInput input;
    input.group_id = group;
    input.body = body;
    input.kind = static_cast<BodyKind>(random() % 3);
    const std::string key = RandomBytes(random, random() % 2 == 0 ? 0 : 1 + random() % 128);
    input.key = key;
    const uint64_t offset = random() >> (random() % 64);
    const uint64_t previous = random() >> (random() % 64);
    const auto time = static_cast<int64_t>(random() >> (1 + random() % 62));
    const RecordPtr record = MakeRecord(input, offset, previous, time, {});
    const v1::Publication read = ParseRecord(*record);
    ASSERT_EQ(read.group_id(), group);
    ASSERT_EQ(read.offset(), offset);
    ASSERT_EQ(read.previous_offset(), previous);
    ASSERT_EQ(read.time_unix_ms(), time);
    ASSERT_EQ(read.has_message(), input.kind != BodyKind::kData);
    ASSERT_EQ(read.json(), input.kind == BodyKind::kJson);
    ASSERT_EQ(read.key(), key);
    ASSERT_EQ(read.has_message() ? read.message() : read.data(), body);

    std::string answer;
    AppendPublication(*record, v1::HistoryResponse::kPublicationsFieldNumber, &answer);
    v1::HistoryResponse history;
    ASSERT_TRUE(history.ParseFromString(answer));
    ASSERT_EQ(history.publications_size(), 1);
    ASSERT_EQ(history.publications(0).SerializeAsString(), read.SerializeAsString());
  }
}

TEST(RecordTest, RecordsOneAfterTheOtherAreOneResponse) {
  PublishInput input;
  input.group_id = "g";
  input.body = "one";
  std::string bytes(MakeRecord(input, 1, 0, 5, {})->bytes());
  v1::Event event;
  event.mutable_subscribed()->set_group_id("g");
  AppendEvent(event, &bytes);
  input.body = "";
  bytes += MakeRecord(input, 2, 1, 6, {})->bytes();
  v1::SubscribeResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  ASSERT_EQ(response.events_size(), 3);
  EXPECT_EQ(response.events(0).publication().message(), "one");
  EXPECT_EQ(response.events(1).subscribed().group_id(), "g");
  EXPECT_TRUE(response.events(2).publication().has_message());
  EXPECT_EQ(response.events(2).publication().message(), "");
}

TEST(RecordTest, PublishRequestsAreAppendedToAMessage) {
  v1::PublishStreamRequest first;
  first.set_publisher("me");
  std::string bytes = first.SerializeAsString();
  PublishInput input;
  input.group_id = "g";
  input.body = "b";
  input.key = "k";
  input.sequence = 300;
  AppendPublishRequest(input, &bytes);
  input.key = {};
  input.sequence = 0;
  input.kind = BodyKind::kData;
  AppendPublishRequest(input, &bytes);
  v1::PublishStreamRequest read;
  ASSERT_TRUE(read.ParseFromString(bytes));
  EXPECT_EQ(read.publisher(), "me");
  ASSERT_EQ(read.publications_size(), 2);
  EXPECT_EQ(read.publications(0).key(), "k");
  EXPECT_EQ(read.publications(0).sequence(), 300u);
  EXPECT_EQ(read.publications(0).message(), "b");
  EXPECT_EQ(read.publications(1).data(), "b");
}

TEST(RecordTest, PublishResultsAreAppendedToAMessage) {
  std::string bytes;
  AppendPublished("epoch", 300, false, 0, &bytes);
  v1::PublishResult refused;
  refused.mutable_error()->set_code(3);
  refused.mutable_error()->set_message("why");
  AppendResult(refused, &bytes);
  AppendPublished("epoch", uint64_t{1} << 60, true, 70'000, &bytes);
  v1::PublishStreamResponse read;
  ASSERT_TRUE(read.ParseFromString(bytes));
  ASSERT_EQ(read.results_size(), 3);
  EXPECT_EQ(read.results(0).published().position().epoch(), "epoch");
  EXPECT_EQ(read.results(0).published().position().offset(), 300u);
  EXPECT_FALSE(read.results(0).published().duplicate());
  EXPECT_EQ(read.results(1).error().code(), 3);
  EXPECT_EQ(read.results(1).error().message(), "why");
  EXPECT_EQ(read.results(2).published().position().offset(), uint64_t{1} << 60);
  EXPECT_TRUE(read.results(2).published().duplicate());
}

}  // namespace
}  // namespace channel
