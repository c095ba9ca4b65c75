#include "channel_service/rpc/parse_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "channel_service/base/process.h"
#include "channel_service/base/strings.h"
#include "channel_service/wire/byte_buffer.h"

namespace channel {
namespace {

const char* const kBad = "\xc3(";  // the second byte does not continue the first

// The words that refuse `request`, which is a message with bad text.
template <typename Request>
std::string Refusal(const Request& request) {
  TuneLibraries();  // protobuf is not to write about it
  grpc::ByteBuffer bytes = ToByteBuffer(request.SerializeAsString());
  Request parsed;
  const absl::Status status = ParseRequest(&bytes, &parsed);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(MessageOf(status));
}

TEST(ParseRequest, TextThatIsNotUtf8IsNamedByItsField) {
  v1::PublishRequest publish;
  publish.set_group_id("g");
  publish.set_message(kBad);
  EXPECT_EQ(Refusal(publish), "message is not valid UTF-8");
  publish.set_key(kBad);
  publish.set_data(kBad);
  EXPECT_EQ(Refusal(publish), "key is not valid UTF-8") << "data may hold any bytes";
  publish.set_group_id(kBad);
  EXPECT_EQ(Refusal(publish), "group_id is not valid UTF-8");

  v1::HistoryRequest history;
  history.mutable_since()->set_epoch(kBad);
  EXPECT_EQ(Refusal(history), "since.epoch is not valid UTF-8");
  history.set_group_id(kBad);
  EXPECT_EQ(Refusal(history), "group_id is not valid UTF-8");

  v1::SubscribeRequest subscribe;
  subscribe.add_unsubscribe("g");
  subscribe.add_unsubscribe(kBad);
  EXPECT_EQ(Refusal(subscribe), "unsubscribe[1] is not valid UTF-8");
  for (int i = 0; i < 3; ++i) subscribe.add_subscribe()->set_group_id("g");
  subscribe.mutable_subscribe(2)->mutable_since()->set_epoch(kBad);
  EXPECT_EQ(Refusal(subscribe), "subscribe[2].since.epoch is not valid UTF-8");
  subscribe.mutable_subscribe(1)->set_group_id(kBad);
  EXPECT_EQ(Refusal(subscribe), "subscribe[1].group_id is not valid UTF-8");
}

TEST(ParseRequest, OtherBytesAreNoRequest) {
  for (const char* const bytes : {"\xff\xff\xff",
                                  "\x0a\x7f"
                                  "g",
                                  "\x0b"}) {
    grpc::ByteBuffer buffer = ToByteBuffer(bytes);
    v1::PublishRequest request;
    EXPECT_EQ(MessageOf(ParseRequest(&buffer, &request)),
              "the request is not a channel.v1.PublishRequest");
  }
}

TEST(ParsePublishStream, ABadPublicationIsListedAndTheOthersAreWhole) {
  TuneLibraries();
  v1::PublishStreamRequest request;
  request.set_publisher("p");
  for (const char* const group_id : {"a", kBad, "c", kBad}) {
    request.add_publications()->set_group_id(group_id);
  }
  request.mutable_publications(3)->set_group_id("d");
  request.mutable_publications(3)->set_key(kBad);
  grpc::ByteBuffer bytes = ToByteBuffer(request.SerializeAsString());
  v1::PublishStreamRequest parsed;
  std::vector<UnparsedPublication> unparsed;
  ASSERT_TRUE(ParsePublishStream(&bytes, &parsed, &unparsed).ok());
  EXPECT_EQ(parsed.publisher(), "p");
  ASSERT_EQ(parsed.publications_size(), 4);
  EXPECT_EQ(parsed.publications(0).group_id(), "a");
  EXPECT_EQ(parsed.publications(2).group_id(), "c");
  ASSERT_EQ(unparsed.size(), 2U);
  EXPECT_EQ(unparsed[0].index, 1);
  EXPECT_EQ(MessageOf(unparsed[0].status), "group_id is not valid UTF-8");
  EXPECT_EQ(unparsed[1].index, 3);
  EXPECT_EQ(MessageOf(unparsed[1].status), "key is not valid UTF-8");
}

TEST(ParsePublishStream, WhatIsNoPublicationOrABadPublisherEndsIt) {
  TuneLibraries();
  v1::PublishStreamRequest request;
  request.add_publications()->set_group_id(kBad);
  request.set_publisher(kBad);
  grpc::ByteBuffer bad_publisher = ToByteBuffer(request.SerializeAsString());
  v1::PublishStreamRequest parsed;
  std::vector<UnparsedPublication> unparsed;
  EXPECT_EQ(MessageOf(ParsePublishStream(&bad_publisher, &parsed, &unparsed)),
            "publisher is not valid UTF-8");
  for (const char* const bytes : {"\xff\xff\xff", "\x0a\x03\xff\xff\xff",
                                  "\x0a\x7f"
                                  "g"}) {
    grpc::ByteBuffer buffer = ToByteBuffer(bytes);
    const absl::Status status = ParsePublishStream(&buffer, &parsed, &unparsed);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(MessageOf(status).find("the request is not a channel.v1.Publish"), 0U);
  }
}

}  // namespace
}  // namespace channel
