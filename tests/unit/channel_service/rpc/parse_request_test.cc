#include "channel_service/rpc/parse_request.h"

#include <gtest/gtest.h>

#include <string>

#include "channel/v1/channel.pb.h"
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
}

TEST(ParseRequest, FieldsThatALongMessageDoesNotKnowTakeNoMemory) {
  v1::PublishRequest wanted;
  wanted.set_group_id("g");
  wanted.set_message(std::string(2000, 'm'));
  wanted.set_sequence(7);
  std::string bytes = wanted.SerializeAsString();
  for (int i = 0; i < 1000; ++i) {
    bytes += {0x7a, 0};              // field 15, empty bytes
    bytes += {0x78, 1};              // field 15, a number
    bytes += {0x0d, 1, 1, 1, 1};     // "group_id" as a number of 4 bytes
    bytes += {0x7b, 0x0a, 0, 0x7c};  // field 15, a group
  }
  v1::PublishRequest parsed;
  ASSERT_TRUE(ParseKnown(bytes, &parsed));
  EXPECT_EQ(parsed.SerializeAsString(), wanted.SerializeAsString());
  EXPECT_FALSE(ParseKnown(bytes + "\x7f", &parsed));
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

}  // namespace
}  // namespace channel
