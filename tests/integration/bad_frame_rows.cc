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

std::string Join(const std::string& group) {
  return R"({"cmd":"add_group","group_id":")" + group + "\"}";
}

// A send_to_group that is this long as a WebSocket message.
std::string SendOfSize(std::size_t bytes) {
  const std::string begin = R"({"cmd":"send_to_group","group_id":"nobody","message":")";
  const std::string end = "\"}";
  return begin + std::string(bytes - begin.size() - end.size(), 'm') + end;
}

// Which commands are refused, and in which words: tests/unit/ws_edge/command_refusals_test.cc.
void AddKept(Rows& rows) {
  rows.push_back({"NotJson", EncodeText("hello"), "bad_request", {}, ""});
  rows.push_back({"MessageAtTheLimit", EncodeText(SendOfSize(kMessageBytesMax)), "", {}, ""});
  std::string joins;
  for (int group = 0; group < kGroupsPerConnectionMax; ++group) {
    joins += EncodeText(Join("limit-" + std::to_string(group)));
  }
  rows.push_back({"GroupsAtTheLimitJoinedAgain", joins + joins, "", {}, ""});
  rows.push_back(
      {"GroupsPastTheLimit", joins + EncodeText(Join("4711")), "limit_exceeded", {}, ""});
}

void AddSizes(Rows& rows) {
  rows.push_back(Closed("MessagePastTheLimit", EncodeText(SendOfSize(kMessageBytesMax + 1)),
                        {kTooBig}, "65536"));
  rows.push_back(
      Closed("MessageOf1Megabyte", EncodeText(SendOfSize(1'048'576)), {kTooBig}, "65536"));
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
    rows.push_back(Closed(name, EncodeText(Join(bytes)), {kInvalidText}));
  };
  broken("InvalidUtf8", "\xff");
  broken("OverlongUtf8", "\xc0\xaf");
  broken("SurrogateInUtf8", "\xed\xa0\x80");
  broken("Utf8PastTheLastCharacter", "\xf4\x90\x80\x80");
  rows.push_back(Closed("Utf8CutOffAtTheEnd", EncodeText("{\"cmd\":\"\xc5"), {kInvalidText}));
  rows.push_back(Closed("InvalidUtf8OverTwoFragments",
                        Raw(Opcode::kText, "\"\xc5", false) + Raw(Opcode::kContinuation, "\""),
                        {kInvalidText}));
}

void AddBrokenFrames(Rows& rows) {
  const std::vector<int> protocol{kProtocolError};
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    rows.push_back(Closed(name, bytes, protocol));
  };
  rows.push_back(Closed("BinaryFrame", Raw(Opcode::kBinary, Join("1")), {kUnsupportedData}));
  rows.push_back(Closed("EmptyBinaryFrame", Raw(Opcode::kBinary, ""), {kUnsupportedData}));
  broken("UnmaskedText", EncodeFrame(Frame{true, 0, 1, false, Join("1")}));
  broken("UnmaskedPing", EncodeFrame(Frame{true, 0, 9, false, "x"}));
  for (const int bit : {1, 2, 4}) {
    broken("ReservedBit" + std::to_string(bit),
           Raw(Opcode::kText, Join("1"), true, static_cast<std::uint8_t>(bit)));
  }
  for (const int opcode : {3, 7, 11, 15}) {
    broken("ReservedOpcode" + std::to_string(opcode), Raw(static_cast<std::uint8_t>(opcode), "x"));
  }
  broken("FragmentedPing", Raw(Opcode::kPing, "x", false));
  broken("FragmentedClose", Raw(Opcode::kClose, "", false));
  broken("PingOf126Bytes", Raw(Opcode::kPing, std::string(126, 'p')));
  broken("ContinuationOfNothing", Raw(Opcode::kContinuation, Join("1")));
  broken("TextInsideAMessage", Raw(Opcode::kText, "{", false) + Raw(Opcode::kText, "}"));
  broken("CloseOfOneByte", Raw(Opcode::kClose, "\x03"));
  broken("CloseWithReservedCode", Raw(Opcode::kClose, "\x03\xed"));
  rows.push_back(Closed("CloseWithInvalidUtf8", Raw(Opcode::kClose, "\x03\xe8\xff"),
                        {kProtocolError, kInvalidText}));
  // RFC 6455, section 5.2: the most significant bit of a length of 64 bits must be 0.
  const std::string high_bit("\xff\x80\0\0\0\0\0\0\1mask", 13);
  broken("LengthWithTheHighBit", "\x81" + high_bit);
  broken("LengthWithTheHighBitOfAFragment", "\x01" + high_bit);
  broken("LengthWithTheHighBitOfAContinuation",
         Raw(Opcode::kText, "{", false) + std::string("\x80\xff\xff\0\0\0\0\0\0\0mask", 14));
  broken("NonMinimalLength", std::string("\x81\xfe\x00\x02\x00\x00\x00\x00{}", 10));
}

}  // namespace

std::vector<FrameRow> FrameRows() {
  Rows rows;
  AddKept(rows);
  AddSizes(rows);
  AddBrokenText(rows);
  AddBrokenFrames(rows);
  return rows;
}

}  // namespace bad_input
