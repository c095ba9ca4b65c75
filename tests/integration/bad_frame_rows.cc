#include "tests/integration/bad_input_rows.h"
#include "tests/support/web_socket_client.h"

namespace bad_input {
namespace {

using support::EncodeFrame;
using support::EncodeText;
using support::Frame;
using support::Opcode;
using Rows = std::vector<FrameRow>;

// RFC 6455, section 7.4.1.
constexpr int kProtocolError = 1002;
constexpr int kUnsupportedData = 1003;
constexpr int kInvalidText = 1007;
constexpr int kTooBig = 1009;

std::string Text(const std::string& payload) { return EncodeText(payload); }

FrameRow Refused(const std::string& name, const std::string& payload,
                 const std::string& code = "bad_request") {
  return {name, Text(payload), code, {}, ""};
}

FrameRow Accepted(const std::string& name, const std::string& payload) {
  return {name, Text(payload), "", {}, ""};
}

FrameRow Closed(const std::string& name, const std::string& bytes, std::vector<int> codes,
                const std::string& reason_has = "") {
  return {name, bytes, "", std::move(codes), reason_has};
}

std::string Raw(std::uint8_t opcode, const std::string& payload, bool fin = true,
                std::uint8_t reserved = 0) {
  return EncodeFrame(Frame{fin, reserved, opcode, true, payload});
}

std::string Raw(Opcode opcode, const std::string& payload, bool fin = true,
                std::uint8_t reserved = 0) {
  return Raw(static_cast<std::uint8_t>(opcode), payload, fin, reserved);
}

std::string Send(const std::string& group, const std::string& message) {
  return R"({"cmd":"send_to_group","group_id":)" + group + R"(,"message":)" + message + "}";
}

std::string Join(const std::string& group) {
  return R"({"cmd":"add_group","group_id":)" + group + "}";
}

std::string Quote(const std::string& text) { return "\"" + text + "\""; }

// A send_to_group that is this long as a WebSocket message.
std::string SendOfSize(std::size_t bytes) {
  const std::size_t frame = Send(Quote("nobody"), Quote("")).size();
  return Send(Quote("nobody"), Quote(std::string(bytes - frame, 'm')));
}

std::string Nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string Repeat(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void AddNotJson(Rows& rows) {
  rows.push_back(Refused("EmptyMessage", ""));
  rows.push_back(Refused("OnlySpaces", "   "));
  rows.push_back(Refused("NotJson", "hello"));
  rows.push_back(Refused("HalfAnObject", R"({"cmd":"add_group","group_id":"1")"));
  rows.push_back(Refused("HalfAString", R"({"cmd":"add_gr)"));
  rows.push_back(Refused("TwoObjects", Join("1") + Join("2")));
  rows.push_back(Refused("TrailingComma", R"({"cmd":"add_group","group_id":"1",})"));
  rows.push_back(Refused("SingleQuotes", "{'cmd':'add_group','group_id':'1'}"));
  rows.push_back(Refused("Comment", R"({"cmd":"add_group",/* x */"group_id":"1"})"));
  rows.push_back(Refused("ByteOrderMark", "\xef\xbb\xbf" + Join("1")));
  rows.push_back(Refused("RawNewlineInString", "{\"cmd\":\"add_group\",\"group_id\":\"a\nb\"}"));
  rows.push_back(Refused("UnknownEscape", R"({"cmd":"add_group","group_id":"\q"})"));
  rows.push_back(Refused("HalfAnEscape", R"({"cmd":"add_group","group_id":"\u12"})"));
  rows.push_back(Refused("NotANumber", Send("1", "NaN")));
  rows.push_back(Refused("LeadingZero", Join("01")));
  rows.push_back(Refused("LoneHighSurrogate", R"({"cmd":"add_group","group_id":"\ud800"})"));
  rows.push_back(Refused("LoneLowSurrogate", Send("1", R"("\udc00")")));
  rows.push_back(Refused("SurrogatesInWrongOrder", Send("1", R"("\udc00\ud800")")));
}

void AddNotACommand(Rows& rows) {
  rows.push_back(Refused("Array", "[]"));
  rows.push_back(Refused("ArrayWithACommand", "[" + Join("1") + "]"));
  rows.push_back(Refused("String", R"("add_group")"));
  rows.push_back(Refused("Number", "42"));
  rows.push_back(Refused("Null", "null"));
  rows.push_back(Refused("True", "true"));
  rows.push_back(Refused("EmptyObject", "{}"));
  rows.push_back(Refused("MissingCmd", R"({"group_id":"1","message":"x"})"));
  rows.push_back(Refused("CmdIsANumber", R"({"cmd":1,"group_id":"1"})"));
  rows.push_back(Refused("CmdIsNull", R"({"cmd":null,"group_id":"1"})"));
  rows.push_back(Refused("CmdIsAnObject", R"({"cmd":{},"group_id":"1"})"));
  rows.push_back(Refused("UnknownCmd", R"({"cmd":"drop","group_id":"1"})", "unknown_command"));
  rows.push_back(Refused("EmptyCmd", R"({"cmd":"","group_id":"1"})", "unknown_command"));
  rows.push_back(
      Refused("CmdInCapitals", R"({"cmd":"ADD_GROUP","group_id":"1"})", "unknown_command"));
  rows.push_back(
      Refused("CmdWithNul", R"({"cmd":"add_group\u0000","group_id":"1"})", "unknown_command"));
  rows.push_back(Accepted("UnknownFieldsAreIgnored",
                          R"({"cmd":"leave_group","group_id":"1","color":"red","x":[{}]})"));
}

void AddGroupIds(Rows& rows) {
  rows.push_back(Refused("JoinWithoutGroup", R"({"cmd":"add_group"})"));
  rows.push_back(Refused("LeaveWithoutGroup", R"({"cmd":"leave_group"})"));
  rows.push_back(Refused("SendWithoutGroup", R"({"cmd":"send_to_group","message":"x"})"));
  rows.push_back(Refused("SendWithoutMessage", R"({"cmd":"send_to_group","group_id":"1"})"));
  rows.push_back(Refused("GroupIsNull", Join("null")));
  rows.push_back(Refused("GroupIsTrue", Join("true")));
  rows.push_back(Refused("GroupIsAnArray", Join("[1]")));
  rows.push_back(Refused("GroupIsAnObject", Send("{}", "1")));
  rows.push_back(Refused("GroupIsAFraction", Join("1.5")));
  rows.push_back(Refused("GroupIsAWholeFloat", Join("1.0")));
  rows.push_back(Refused("GroupIsAnExponent", Join("1e3")));
  rows.push_back(Refused("GroupIsAHugeInteger", Join("18446744073709551616")));
  rows.push_back(Refused("GroupIsAHugeNegativeInteger", Join("-9223372036854775809")));
  rows.push_back(Refused("GroupIsAnIntegerOf300Digits", Send(std::string(300, '9'), "1")));
  rows.push_back(Accepted("LeaveOfANegativeInteger", R"({"cmd":"leave_group","group_id":-5})"));
  rows.push_back(Refused("GroupIsEmpty", Join(Quote(""))));
  rows.push_back(Accepted("GroupAtTheLimit", Join(Quote(std::string(kGroupIdBytesMax, 'g')))));
  rows.push_back(Refused("GroupPastTheLimit", Join(Quote(std::string(kGroupIdBytesMax + 1, 'g')))));
  // 128 characters, 256 bytes: the limit counts bytes.
  rows.push_back(Refused("GroupPastTheLimitInBytes", Send(Quote(Repeat("\xc5\x9f", 128)), "1")));
  rows.push_back(Refused(
      "LeaveOfAGroupPastTheLimit",
      R"({"cmd":"leave_group","group_id":)" + Quote(std::string(kGroupIdBytesMax + 1, 'g')) + "}"));
  rows.push_back(Accepted("LeaveOfAGroupNeverJoined", R"({"cmd":"leave_group","group_id":"no"})"));
  rows.push_back(Accepted("NulInGroup", Join(R"("a\u0000b")")));

  std::string joins;
  for (int group = 0; group < kGroupsPerConnectionMax; ++group) {
    joins += Text(Join(Quote("limit-" + std::to_string(group))));
  }
  rows.push_back({"GroupsAtTheLimit", joins, "", {}, ""});
  rows.push_back({"GroupsPastTheLimit", joins + Text(Join("4711")), "limit_exceeded", {}, ""});
  rows.push_back({"GroupsAtTheLimitJoinedAgain", joins + joins, "", {}, ""});
}

void AddNesting(Rows& rows) {
  rows.push_back(Accepted("NestingAtTheLimit", Send("1", Nested(31))));
  rows.push_back(Refused("NestingPastTheLimit", Send("1", Nested(33))));
  rows.push_back(Refused("NestingOf10000", Send("1", Nested(10'000))));
  rows.push_back(Refused("NestingThatNeverEnds", R"({"cmd":)" + std::string(60'000, '[')));
  rows.push_back(Refused("NestingOfObjects", Repeat(R"({"a":)", 10'000)));
}

void AddSizes(Rows& rows) {
  rows.push_back(Accepted("MessageAtTheLimit", SendOfSize(kMessageBytesMax)));
  rows.push_back(
      Closed("MessagePastTheLimit", Text(SendOfSize(kMessageBytesMax + 1)), {kTooBig}, "65536"));
  rows.push_back(Closed("MessageOf1Megabyte", Text(SendOfSize(1'048'576)), {kTooBig}, "65536"));
  const std::string half(kMessageBytesMax / 2 + 1, ' ');
  rows.push_back(Closed("FragmentsPastTheLimit",
                        Raw(Opcode::kText, half, false) + Raw(Opcode::kContinuation, half),
                        {kTooBig}, "65536"));
  // Frames that claim far more than they bring, and bring more than is allowed.
  const std::string too_much(kMessageBytesMax + 1, ' ');
  rows.push_back(Closed("FrameThatClaims8Exabytes",
                        EncodeFrame(Frame{true, 0, 1, true, too_much}, 0x7fff'ffff'ffff'ffff),
                        {kTooBig}, "65536"));
  rows.push_back(Closed("LengthWithTheTopBitSet",
                        EncodeFrame(Frame{true, 0, 1, true, too_much}, 0x8000'0000'0000'0000),
                        {kProtocolError, kTooBig}));
}

void AddBrokenText(Rows& rows) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    rows.push_back(Closed(name, Text(Join(Quote(bytes))), {kInvalidText}));
  };
  broken("InvalidUtf8", "\xff");
  broken("OverlongUtf8", "\xc0\xaf");
  broken("SurrogateInUtf8", "\xed\xa0\x80");
  broken("Utf8PastTheLastCharacter", "\xf4\x90\x80\x80");
  rows.push_back(Closed("Utf8CutOffAtTheEnd", Text("{\"cmd\":\"\xc5"), {kInvalidText}));
  rows.push_back(Closed("InvalidUtf8OverTwoFragments",
                        Raw(Opcode::kText, "\"\xc5", false) + Raw(Opcode::kContinuation, "\""),
                        {kInvalidText}));
}

void AddNamesTwice(Rows& rows) {
  rows.push_back(Refused("GroupTwice", R"({"cmd":"add_group","group_id":"1","group_id":"2"})"));
  rows.push_back(Refused("GroupTwiceWithEscapes",
                         R"({"cmd":"add_group","group_id":"1","\u0067roup_id":"1"})"));
  rows.push_back(Refused("NameTwiceInsideTheMessage", Send("1", R"({"a":{"b":1,"b":1}})")));
}

void AddBrokenFrames(Rows& rows) {
  const std::vector<int> protocol{kProtocolError};
  rows.push_back(Closed("BinaryFrame", Raw(Opcode::kBinary, Join("1")), {kUnsupportedData}));
  rows.push_back(Closed("EmptyBinaryFrame", Raw(Opcode::kBinary, ""), {kUnsupportedData}));
  rows.push_back(
      Closed("UnmaskedText", EncodeFrame(Frame{true, 0, 1, false, Join("1")}), protocol));
  rows.push_back(Closed("UnmaskedPing", EncodeFrame(Frame{true, 0, 9, false, "x"}), protocol));
  for (const int bit : {1, 2, 4}) {
    rows.push_back(Closed("ReservedBit" + std::to_string(bit),
                          Raw(Opcode::kText, Join("1"), true, static_cast<std::uint8_t>(bit)),
                          protocol));
  }
  for (const int opcode : {3, 7, 11, 15}) {
    rows.push_back(Closed("ReservedOpcode" + std::to_string(opcode),
                          Raw(static_cast<std::uint8_t>(opcode), "x"), protocol));
  }
  rows.push_back(Closed("FragmentedPing", Raw(Opcode::kPing, "x", false), protocol));
  rows.push_back(Closed("FragmentedClose", Raw(Opcode::kClose, "", false), protocol));
  rows.push_back(Closed("PingOf126Bytes", Raw(Opcode::kPing, std::string(126, 'p')), protocol));
  rows.push_back(Closed("ContinuationOfNothing", Raw(Opcode::kContinuation, Join("1")), protocol));
  rows.push_back(Closed("TextInsideAMessage",
                        Raw(Opcode::kText, "{", false) + Raw(Opcode::kText, "}"), protocol));
  rows.push_back(Closed("CloseOfOneByte", Raw(Opcode::kClose, "\x03"), protocol));
  rows.push_back(Closed("CloseWithReservedCode", Raw(Opcode::kClose, "\x03\xed"), protocol));
  rows.push_back(Closed("CloseWithInvalidUtf8", Raw(Opcode::kClose, "\x03\xe8\xff"),
                        {kProtocolError, kInvalidText}));
  // RFC 6455, section 5.2: the most significant bit of a length of 64 bits must be 0.
  for (const char* first : {"\x81", "\x01"}) {
    rows.push_back(Closed(std::string("LengthWithTheHighBit") + (first[0] < 0 ? "" : "OfAFragment"),
                          first + std::string("\xff\x80\0\0\0\0\0\0\1mask", 13), protocol));
  }
  rows.push_back(
      Closed("LengthWithTheHighBitOfAContinuation",
             Raw(Opcode::kText, "{", false) + std::string("\x80\xff\xff\0\0\0\0\0\0\0mask", 14),
             protocol));
  rows.push_back(
      Closed("NonMinimalLength", std::string("\x81\xfe\x00\x02\x00\x00\x00\x00{}", 10), protocol));
}

}  // namespace

std::vector<FrameRow> FrameRows() {
  Rows rows;
  AddNotJson(rows);
  AddNotACommand(rows);
  AddGroupIds(rows);
  AddNesting(rows);
  AddSizes(rows);
  AddNamesTwice(rows);
  AddBrokenText(rows);
  AddBrokenFrames(rows);
  return rows;
}

}  // namespace bad_input
