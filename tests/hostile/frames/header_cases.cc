// The first two bytes of a frame and its mask: reserved bits, reserved opcodes, no mask, any mask.
#include "tests/hostile/frames/frame_cases.h"
#include "tests/support/web_socket_client.h"

namespace frames {
namespace {

using support::EncodeText;
using support::Opcode;

constexpr int kFin = 0x80;
constexpr int kMasked = 0x80;

void AddReserved(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  const std::string begun = Raw(Opcode::kText, "{", false);
  for (int bits = 1; bits < 8; ++bits) {
    const std::string suffix = "WithReservedBits" + std::to_string(bits);
    broken("Text" + suffix, Raw(Opcode::kText, Send("x"), true, bits));
    broken("Ping" + suffix, Raw(Opcode::kPing, "x", true, bits));
    broken("Pong" + suffix, Raw(Opcode::kPong, "x", true, bits));
    broken("Close" + suffix, Raw(Opcode::kClose, ClosePayload(kNormal), true, bits));
    broken("Continuation" + suffix, begun + Raw(Opcode::kContinuation, "}", true, bits));
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    const std::string name = "ReservedOpcode" + std::to_string(opcode);
    broken(name, Raw(opcode, "x"));
    broken(name + "Empty", Raw(opcode, ""));
    broken(name + "InsideAMessage", begun + Raw(opcode, "x"));
    broken(name + "Fragment", Raw(opcode, "x", false));
  }
  // A good frame before it is carried out.
  cases.push_back({"ReservedOpcodeAfterAMessage",
                   EncodeText(R"({"cmd":"nothing"})") + Raw(3, "x"),
                   {{Answer::Kind::kError, "unknown_command", {}},
                    {Answer::Kind::kClose, "", {kProtocolError}}}});
}

void AddMasks(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  broken("UnmaskedText", Unmasked(Opcode::kText, Send("x")));
  broken("UnmaskedEmptyText", Unmasked(Opcode::kText, ""));
  broken("UnmaskedBinary", Unmasked(Opcode::kBinary, "x"));
  broken("UnmaskedPing", Unmasked(Opcode::kPing, "x"));
  broken("UnmaskedEmptyPing", Unmasked(Opcode::kPing, ""));
  broken("UnmaskedPong", Unmasked(Opcode::kPong, "x"));
  broken("UnmaskedClose", Unmasked(Opcode::kClose, ClosePayload(kNormal)));
  broken("UnmaskedEmptyClose", Unmasked(Opcode::kClose, ""));
  broken("UnmaskedContinuation",
         Raw(Opcode::kText, "{", false) + Unmasked(Opcode::kContinuation, "}"));
  const std::string text = Send("masked");
  const int length = static_cast<int>(text.size());
  int number = 0;
  for (const std::string_view key :
       {std::string_view("\0\0\0\0", 4), std::string_view("\xff\xff\xff\xff"),
        std::string_view("\0\0\0\1", 4), std::string_view("\x80\x40\x20\x10"),
        std::string_view("{{{{"), std::string_view("\x01\0\0\0", 4)}) {
    cases.push_back(Echo("MaskNumber" + std::to_string(++number),
                         Bytes({kFin | 1, kMasked | length}, key, text), "masked"));
  }
  cases.push_back(
      Echo("EachFragmentWithAMaskOfItsOwn",
           Bytes({1, kMasked | 10}, "abcd", text.substr(0, 10)) +
               Bytes({0, kMasked | 3}, "\xff\xfe\xfd\xfc", text.substr(10, 3)) +
               Bytes({kFin, kMasked | (length - 13)}, "\x01\x02\x03\x04", text.substr(13)),
           "masked"));
}

}  // namespace

Cases HeaderCases() {
  Cases cases;
  AddReserved(cases);
  AddMasks(cases);
  cases.push_back(Closed("Binary", Raw(Opcode::kBinary, Join("1")), {kUnsupportedData}));
  cases.push_back(Closed("EmptyBinary", Raw(Opcode::kBinary, ""), {kUnsupportedData}));
  cases.push_back(Closed("BinaryFragment", Raw(Opcode::kBinary, "x", false), {kUnsupportedData}));
  cases.push_back(Closed("BinaryThatIsNoUtf8", Raw(Opcode::kBinary, "\xff"), {kUnsupportedData}));
  return cases;
}

}  // namespace frames
