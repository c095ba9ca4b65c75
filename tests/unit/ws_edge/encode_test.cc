// Each event as it is written: which fields it has, and which are left out. Golden transcripts show
// when each is sent.
#include "ws_edge/protocol/encode.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace edge {
namespace {

using channel::v1::Publication;
using std::chrono::milliseconds;

std::string Text(const FramePtr& frame) { return std::string(frame->payload()); }

Publication At58() {
  Publication publication;
  publication.set_group_id("g\"ş");
  publication.set_offset(58);
  publication.set_previous_offset(57);
  publication.set_time_unix_ms(9);
  return publication;
}

TEST(EncodeTest, AMessageIsTextOrJsonOrBytes) {
  const std::string begin =
      R"({"event":"message","group_id":"g\"ş","epoch":"k3","offset":58,"previous_offset":57,)"
      R"("time_unix_ms":9)";
  Publication text = At58();
  text.set_message("{\"a\":1}\n");
  EXPECT_EQ(Text(EncodeMessage(text, "k3")), begin + R"(,"message":"{\"a\":1}\n"})");
  EXPECT_EQ(EncodePlain(text)->bytes(), "\x81\x08{\"a\":1}\n");
  Publication json = At58();
  json.set_message(R"({"a":1})");
  json.set_json(true);
  json.set_key("k\"1");
  EXPECT_EQ(Text(EncodeMessage(json, "k3")), begin + R"(,"key":"k\"1","message":{"a":1}})");
  Publication bytes = At58();
  bytes.set_data(std::string("\0\xff\x10", 3));
  EXPECT_EQ(Text(EncodeMessage(bytes, "k3")), begin + R"(,"data":"AP8Q"})");
  EXPECT_EQ(EncodePlain(bytes)->bytes(), std::string("\x82\x03\0\xff\x10", 5));
}

TEST(EncodeTest, EventsHaveTheseFields) {
  const GroupAnswer answer{"7", "g", "k3", 58};
  const GroupAnswer without_id{"", "g", "k3", 58};
  const std::string ok = R"({"event":"ok","id":7,"group_id":"g","epoch":"k3","offset":58)";
  const std::pair<FramePtr, std::string> rows[] = {
      {EncodeGap({"g", "k3", 5, 9, GapReason::kRetention}),
       R"({"event":"gap","group_id":"g","epoch":"k3","after":5,"before":9,"reason":"retention"})"},
      {EncodeJoined(answer, false), ok + R"(,"recovered":false})"},
      {EncodeJoined(without_id, true),
       R"({"event":"ok","group_id":"g","epoch":"k3","offset":58,"recovered":true})"},
      {EncodeSent(answer, false), ok + "}"},
      {EncodeSent(answer, true), ok + R"(,"duplicate":true})"},
      {EncodeLeft(R"("x")", "g"), R"({"event":"ok","id":"x","group_id":"g"})"},
      {EncodeHistory(answer, true, {}, false),
       ok + R"(,"recovered":true,"publications":[],"more":false})"},
      {EncodeHistory(answer, true, {"{}", "{}"}, true),
       ok + R"(,"recovered":true,"publications":[{},{}],"more":true})"},
      {EncodePong(""), R"({"event":"pong"})"},
      {EncodeService(false), R"({"event":"service","available":false})"},
      {EncodeBye(4001, milliseconds(100), milliseconds(500)),
       R"({"event":"bye","code":4001,"reconnect_ms":[100,500]})"},
      {EncodePlainError(ErrorCode::kTooLarge, "a \"b\""),
       R"({"event":"error","code":"too_large","message":"a \"b\""})"},
      // An error after which one may try again says when.
      {EncodeError("7", "g", ErrorCode::kUnavailable, "m"),
       R"({"event":"error","id":7,"group_id":"g","code":"unavailable","message":"m",)"
       R"("retryable":true,"retry_ms":1000})"},
      {EncodeError("", "", ErrorCode::kBadRequest, "m"),
       R"({"event":"error","code":"bad_request","message":"m","retryable":false})"},
  };
  for (const auto& [frame, expected] : rows) EXPECT_EQ(Text(frame), expected);
}

TEST(EncodeTest, TheWelcomeTellsWhereItIsAcknowledgedIfThatIsKnown) {
  const std::string known = Text(EncodeWelcome("c-1", 1, "edge", "memory", EdgeLimits()));
  EXPECT_NE(known.find(R"("acknowledged_in":"memory")"), std::string::npos) << known;
  const std::string unknown = Text(EncodeWelcome("c-1", 1, "edge", "", EdgeLimits()));
  EXPECT_EQ(unknown.find("acknowledged_in"), std::string::npos) << unknown;
}

}  // namespace
}  // namespace edge
