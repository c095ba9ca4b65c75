// Pings, pongs, and close frames.
#include <string>

#include "tests/hostile/frames/frame_cases.h"
#include "tests/support/web_socket_client.h"

namespace frames {
namespace {

using support::EncodeText;
using support::Opcode;

void AddPings(Cases& cases) {
  std::string all_bytes;
  for (int byte = 0; byte < 125; ++byte) all_bytes.push_back(static_cast<char>(2 * byte + 3));
  for (const std::string& payload :
       {std::string(), std::string("x"), std::string("\0", 1), std::string("\xff"),
        std::string("\xc3"), std::string(124, 'p'), std::string(125, 'p'), all_bytes}) {
    cases.push_back(Pongs("PingNumber" + std::to_string(cases.size() + 1),
                          Raw(Opcode::kPing, payload), {payload}));
  }
  std::string ten;
  std::vector<std::string> pongs;
  for (int i = 0; i < 10; ++i) {
    pongs.push_back("ping " + std::to_string(i));
    ten += Raw(Opcode::kPing, pongs.back());
  }
  cases.push_back(Pongs("TenPings", ten, pongs));
  cases.push_back(Kept("Pong", Raw(Opcode::kPong, "x")));
  cases.push_back(Kept("EmptyPong", Raw(Opcode::kPong, "")));
  cases.push_back(Kept("PongOf125Bytes", Raw(Opcode::kPong, std::string(125, 'p'))));
  cases.push_back(
      Pongs("PongThenPing", Raw(Opcode::kPong, "not asked") + Raw(Opcode::kPing, "x"), {"x"}));
}

void AddBroken(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  for (const auto& [kind, opcode] :
       {std::pair("Ping", Opcode::kPing), std::pair("Pong", Opcode::kPong),
        std::pair("Close", Opcode::kClose)}) {
    const std::string name = kind;
    broken("Fragment" + name, Raw(opcode, "", false));
    broken("Fragment" + name + "AndContinuation",
           Raw(opcode, "\x03\xe8", false) + Raw(Opcode::kContinuation, "x"));
    broken("Fragment" + name + "InsideAMessage",
           Raw(Opcode::kText, "{", false) + Raw(opcode, "\x03\xe8", false));
    for (const std::size_t bytes : {126, 127, 65'536}) {
      broken(name + "Of" + std::to_string(bytes) + "Bytes",
             Raw(opcode, ClosePayload(kNormal, std::string(bytes - 2, 'p'))));
    }
  }
}

}  // namespace

Cases ControlCases() {
  Cases cases;
  AddPings(cases);
  AddBroken(cases);
  return cases;
}

// The edge answers a good close frame with the same code, without a reason (RFC 6455, 5.5.1).
Cases CloseCases() {
  Cases cases;
  const auto close = [](int code, std::string_view reason = "") {
    return Raw(Opcode::kClose, ClosePayload(code, reason));
  };
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1010, 1011, 1012, 1013, 3000, 3999,
                         4000, 4001, 4500, 4999}) {
    cases.push_back(Closed("CloseWith" + std::to_string(code), close(code), {code}));
  }
  // Codes that no frame may have, or that nobody has defined (RFC 6455, 7.4.2).
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999}) {
    cases.push_back(Closed("CloseWith" + std::to_string(code), close(code), {kProtocolError}));
  }
  // Where it is answered, Beast's frame is taken for its own refusal of a length (kBeastTooBig).
  cases.push_back(Closed("CloseWith1009", close(kTooBig), {kTooBig, kProtocolError}));
  cases.push_back(Closed("CloseWithoutCode", Raw(Opcode::kClose, ""), {kNormal}));
  cases.push_back(Closed("CloseOfOneByte", Raw(Opcode::kClose, "\x03"), {kProtocolError}));
  for (const std::string& reason :
       {std::string("x"), std::string(122, 'r'), std::string(123, 'r'),
        std::string("\xc4\xb1\xe2\x82\xac\xf0\x9f\x98\x80"), std::string("\0", 1)}) {
    cases.push_back(Closed("CloseReasonNumber" + std::to_string(cases.size()),
                           close(kNormal, reason), {kNormal}));
  }
  for (const std::string& reason :
       {std::string("\xff"), std::string("\xc3"), std::string("x\x80"), std::string("\xed\xa0\x80"),
        std::string("\xc0\xaf"), std::string("\xf4\x90\x80\x80"), std::string("x\xe2\x82")}) {
    cases.push_back(Closed("BrokenCloseReasonNumber" + std::to_string(cases.size()),
                           close(kNormal, reason), {kProtocolError, kInvalidText}));
  }
  // After a close frame nothing counts any more.
  cases.push_back(Closed("PingAfterClose", close(kNormal) + Raw(Opcode::kPing, "x"), {kNormal}));
  cases.push_back(Closed("CommandAfterClose", close(kNormal) + EncodeText("x"), {kNormal}));
  cases.push_back(Closed("SecondClose", close(kNormal) + close(4000), {kNormal}));
  cases.push_back(Closed("GarbageAfterClose", close(kNormal) + "\xff\xff\xff", {kNormal}));
  cases.push_back(
      Closed("CloseOfAnOpenMessage", Raw(Opcode::kText, "{", false) + close(kNormal), {kNormal}));
  return cases;
}

}  // namespace frames
