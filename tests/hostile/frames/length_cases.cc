// Lengths: every form at its borders, forms that are longer than they must be, lies.
#include "tests/hostile/frames/frame_cases.h"
#include "tests/support/web_socket_client.h"

namespace frames {
namespace {

using support::EncodeFrame;
using support::EncodeText;
using support::Frame;
using support::Opcode;

constexpr std::string_view kKey = "mask";

void AddBorders(Cases& cases) {
  for (const std::size_t bytes :
       {125, 126, 127, 128, 255, 256, 1'024, 4'096, 16'384, 65'534, 65'535, 65'536}) {
    cases.push_back(
        Echo("TextOf" + std::to_string(bytes) + "Bytes", EncodeText(Send("x", bytes)), "x"));
  }
  cases.push_back(Error("EmptyText", EncodeText(""), "bad_request"));
  cases.push_back(Error("NotJson", EncodeText("hello"), "bad_request"));
  std::string joins;
  for (int group = 1; group < kGroupsPerConnectionMax; ++group) {  // kGroup is the first
    joins += EncodeText(Join("limit-" + std::to_string(group)));
  }
  cases.push_back(Kept("GroupsAtTheLimitJoinedAgain", joins + joins));
  cases.push_back(Error("GroupsPastTheLimit", joins + EncodeText(Join("4711")), "limit_exceeded"));
}

void AddTooLarge(Cases& cases) {
  const auto too_large = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kTooBig}, "65536"));
  };
  too_large("MessagePastTheLimit", EncodeText(Send("x", kMessageBytesMax + 1)));
  too_large("MessageOf1Megabyte", EncodeText(Send("x", 1'048'576)));
  const std::string half(kMessageBytesMax / 2 + 1, ' ');
  too_large("FragmentsPastTheLimit",
            Raw(Opcode::kText, half, false) + Raw(Opcode::kContinuation, half));
  // Frames that claim far more than they bring, and bring more than is allowed.
  const std::string too_much(kMessageBytesMax + 1, ' ');
  too_large("FrameThatClaims8Exabytes",
            EncodeFrame(Frame{true, 0, 1, true, too_much}, 0x7fff'ffff'ffff'ffff));
  cases.push_back(Closed("LengthWithTheTopBitSet",
                         EncodeFrame(Frame{true, 0, 1, true, too_much}, 0x8000'0000'0000'0000),
                         {kProtocolError, kTooBig}));
}

// RFC 6455, section 5.2: the minimal number of bytes must be used.
void AddNotMinimal(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  for (const auto& [kind, first] :
       {std::pair("Text", 0x81), std::pair("Binary", 0x82), std::pair("Fragment", 0x01),
        std::pair("Ping", 0x89), std::pair("Pong", 0x8a), std::pair("Close", 0x88)}) {
    const std::string name = std::string(kind) + "Length";
    for (const int length : {0, 1, 2, 125}) {
      const std::string payload(static_cast<std::size_t>(length), 'x');
      broken(name + std::to_string(length) + "In16Bits",
             Bytes({first, 0xfe, 0, length}, kKey, payload));
      broken(name + std::to_string(length) + "In64Bits",
             Bytes({first, 0xff, 0, 0, 0, 0, 0, 0, 0, length}, kKey, payload));
    }
  }
  for (const int length : {126, 255}) {
    const std::string payload(static_cast<std::size_t>(length), 'x');
    broken("Length" + std::to_string(length) + "In64Bits",
           Bytes({0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, length}, kKey, payload));
  }
  broken("Length65535In64Bits",
         Bytes({0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, kKey, std::string(65'535, 'x')));
}

// RFC 6455, section 5.2: the most significant bit of a length of 64 bits must be 0.
void AddHighBit(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  broken("LengthWithTheHighBit", Bytes({0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1}, kKey));
  broken("LengthOfAllBits",
         Bytes({0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, kKey));
  broken("LengthWithTheHighBitOfAFragment", Bytes({0x01, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1}, kKey));
  broken("LengthWithTheHighBitOfAContinuation",
         Raw(Opcode::kText, "{", false) + Bytes({0x80, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0}, kKey));
}

}  // namespace

Cases LengthCases() {
  Cases cases;
  AddBorders(cases);
  AddTooLarge(cases);
  AddNotMinimal(cases);
  AddHighBit(cases);
  return cases;
}

}  // namespace frames
