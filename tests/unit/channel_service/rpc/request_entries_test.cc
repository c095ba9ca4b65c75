#include "channel_service/rpc/request_entries.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/process.h"
#include "channel_service/base/strings.h"
#include "channel_service/limits.h"
#include "channel_service/wire/byte_buffer.h"

namespace channel {
namespace {

const char* const kBad = "\xc3(";  // the second byte does not continue the first

template <typename Request>
absl::Status Open(RequestEntries* entries, const std::string& bytes, Request* rest) {
  TuneLibraries();  // protobuf is not to write about bad text
  return entries->Open(ToByteBuffer(bytes), rest);
}

std::vector<std::string> AllOf(RequestEntries* entries, int field) {
  std::vector<std::string> all;
  while (const auto entry = entries->Next(field)) {
    EXPECT_EQ(entries->index(), static_cast<int>(all.size()));
    all.emplace_back(*entry);
  }
  return all;
}

TEST(RequestEntries, EachFieldHasItsEntriesAndTheRestIsParsed) {
  using Request = v1::SubscribeRequest;
  Request request;
  for (const char* const group_id : {"a", "", "c"}) request.add_subscribe()->set_group_id(group_id);
  request.add_unsubscribe("d");
  request.add_unsubscribe("");
  RequestEntries entries;
  Request rest;
  ASSERT_TRUE(Open(&entries, request.SerializeAsString(), &rest).ok());
  EXPECT_EQ(entries.count(), 5U);
  EXPECT_EQ(rest.subscribe_size() + rest.unsubscribe_size(), 0);
  EXPECT_EQ(AllOf(&entries, Request::kUnsubscribeFieldNumber), std::vector<std::string>({"d", ""}));
  const auto subscribe = AllOf(&entries, Request::kSubscribeFieldNumber);
  ASSERT_EQ(subscribe.size(), 3U);
  EXPECT_EQ(subscribe[2], request.subscribe(2).SerializeAsString());
  EXPECT_TRUE(entries.open());
  entries.Close();
  EXPECT_FALSE(entries.open());
  EXPECT_EQ(entries.Next(Request::kSubscribeFieldNumber), std::nullopt);

  v1::PublishStreamRequest publish;
  publish.add_publications();
  publish.set_publisher("p");
  publish.set_any_order(true);
  v1::PublishStreamRequest publish_rest;
  ASSERT_TRUE(Open(&entries, publish.SerializeAsString(), &publish_rest).ok());
  EXPECT_EQ(entries.count(), 1U);
  EXPECT_EQ(publish_rest.publisher(), "p");
  EXPECT_TRUE(publish_rest.any_order());
}

TEST(RequestEntries, UnknownFieldsAreNoEntries) {
  RequestEntries entries;
  v1::PublishStreamRequest rest;
  // Field 1 as a number, field 99 as bytes, field 100 as a group, and an entry.
  ASSERT_TRUE(Open(&entries, "\x08\x05\x9a\x06\x01x\xa3\x06\xa4\x06\x0a\x01z", &rest).ok());
  EXPECT_EQ(entries.count(), 1U);
  EXPECT_EQ(AllOf(&entries, 1), std::vector<std::string>({"z"}));
}

TEST(RequestEntries, OtherBytesAreNoRequest) {
  for (const char* const bytes : {"\xff\xff\xff",
                                  "\x0a\x7f"
                                  "g",
                                  "\x0a", "\x0b", "\x02\x01x", "\x12\xff\xff\xff\xff\x0f"}) {
    RequestEntries entries;
    v1::PublishStreamRequest rest;
    const absl::Status status = Open(&entries, bytes, &rest);
    EXPECT_EQ(MessageOf(status), "the request is not a channel.v1.PublishStreamRequest");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(entries.open());
  }
}

TEST(RequestEntries, BadTextBesideTheEntriesIsNamed) {
  v1::PublishStreamRequest request;
  request.add_publications()->set_group_id(kBad);
  request.set_publisher(kBad);
  RequestEntries entries;
  v1::PublishStreamRequest rest;
  EXPECT_EQ(MessageOf(Open(&entries, request.SerializeAsString(), &rest)),
            "publisher is not valid UTF-8");
}

TEST(RequestEntries, EachFieldMayHaveSoManyEntries) {
  v1::SubscribeRequest request;
  for (int i = 0; i < kEntriesPerRequestMax; ++i) {
    request.add_subscribe();
    request.add_unsubscribe();
  }
  RequestEntries entries;
  v1::SubscribeRequest rest;
  EXPECT_TRUE(Open(&entries, request.SerializeAsString(), &rest).ok());
  request.add_unsubscribe();
  EXPECT_EQ(MessageOf(Open(&entries, request.SerializeAsString(), &rest)),
            "one request may have at most 65536 entries of a kind");
  EXPECT_FALSE(entries.open());
}

TEST(RequestEntries, BesideItsEntriesARequestIsShort) {
  std::string bytes;
  for (size_t i = 0; i <= kRequestBytesMax / 2; ++i) bytes += {0x1a, 0};  // "publisher", empty
  RequestEntries entries;
  v1::PublishStreamRequest rest;
  EXPECT_EQ(MessageOf(Open(&entries, bytes, &rest)),
            "the request has more than 4096 bytes beside its entries");
}

}  // namespace
}  // namespace channel
