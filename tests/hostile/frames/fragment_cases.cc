// Messages in fragments, and what may stand between them.
#include "tests/hostile/frames/frame_cases.h"
#include "tests/support/web_socket_client.h"

namespace frames {
namespace {

using support::EncodeText;
using support::Opcode;

std::vector<std::size_t> Every(std::size_t bytes, std::size_t size) {
  std::vector<std::size_t> ends;
  for (std::size_t end = bytes; end < size; end += bytes) ends.push_back(end);
  return ends;
}

void AddGood(Cases& cases) {
  const std::string text = Send("in pieces");
  const std::size_t size = text.size();
  const auto echo = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Echo(name, bytes, "in pieces"));
  };
  echo("TwoFragments", Fragments(text, {size / 2}));
  echo("ThreeFragments", Fragments(text, {10, 20}));
  echo("FragmentsOfOneByte", Fragments(text, Every(1, size)));
  echo("FragmentsOfSevenBytes", Fragments(text, Every(7, size)));
  echo("EmptyFirstFragment", Raw(Opcode::kText, "", false) + Raw(Opcode::kContinuation, text));
  echo("EmptyLastFragment", Fragments(text, {size}));
  echo("EmptyFragmentInTheMiddle", Fragments(text, {10, 10}));
  echo("ManyEmptyFragments", Fragments(text, std::vector<std::size_t>(100, 10)));
  const std::string large = Send(std::string(60'000, 'm'));
  cases.push_back(Echo("LargeMessageInLargeFragments", Fragments(large, {20'000, 40'000}),
                       std::string(60'000, 'm')));
  cases.push_back(Echo("LargeMessageInSmallFragments", Fragments(large, Every(125, large.size())),
                       std::string(60'000, 'm')));
  cases.push_back(Echo("FragmentsUpToTheLimit",
                       Fragments(Send("x", kMessageBytesMax), Every(16'384, kMessageBytesMax)),
                       "x"));
  cases.push_back(Error("OnlyEmptyFragments",
                        Raw(Opcode::kText, "", false) + Raw(Opcode::kContinuation, "", false) +
                            Raw(Opcode::kContinuation, ""),
                        "bad_request"));
  Case two = Echo("TwoMessagesInFragments",
                  Fragments(text, {10}) + Fragments(Send("again"), {3, 9}), "in pieces");
  two.answers.push_back({Answer::Kind::kMessage, "again", {}});
  cases.push_back(two);
}

void AddControlBetween(Cases& cases) {
  const std::string text = Send("in pieces");
  const auto between = [&](const std::string& name, const std::string& control,
                           const std::vector<std::string>& pongs) {
    Case one = Pongs(name, Fragments(text, {10, 20}, control), pongs);
    one.answers.push_back({Answer::Kind::kMessage, "in pieces", {}});
    cases.push_back(one);
  };
  between("PingBetweenFragments", Raw(Opcode::kPing, "p"), {"p", "p"});
  between("EmptyPingBetweenFragments", Raw(Opcode::kPing, ""), {"", ""});
  between("LongPingBetweenFragments", Raw(Opcode::kPing, std::string(125, 'p')),
          {std::string(125, 'p'), std::string(125, 'p')});
  between("PongBetweenFragments", Raw(Opcode::kPong, "p"), {});
  between("TwoPingsBetweenFragments", Raw(Opcode::kPing, "1") + Raw(Opcode::kPing, "2"),
          {"1", "2", "1", "2"});
  cases.push_back(Closed("CloseBetweenFragments",
                         Fragments(text, {10}, Raw(Opcode::kClose, ClosePayload(kNormal))),
                         {kNormal}));
}

void AddBroken(Cases& cases) {
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kProtocolError}));
  };
  const std::string begun = Raw(Opcode::kText, "{", false);
  broken("ContinuationOfNothing", Raw(Opcode::kContinuation, Send("x")));
  broken("EmptyContinuationOfNothing", Raw(Opcode::kContinuation, ""));
  broken("OpenContinuationOfNothing", Raw(Opcode::kContinuation, "x", false));
  broken("ContinuationAfterPing", Raw(Opcode::kPong, "x") + Raw(Opcode::kContinuation, "x"));
  broken("TextInsideAMessage", begun + Raw(Opcode::kText, "}"));
  broken("EmptyTextInsideAMessage", begun + Raw(Opcode::kText, ""));
  broken("FragmentOfTextInsideAMessage", begun + Raw(Opcode::kText, "x", false));
  broken("BinaryInsideAMessage", begun + Raw(Opcode::kBinary, "x"));
  broken("TextAfterTwoFragments",
         begun + Raw(Opcode::kContinuation, "x", false) + Raw(Opcode::kText, "x"));
  cases.push_back({"ContinuationAfterAWholeMessage",
                   EncodeText(R"({"cmd":"nothing"})") + Raw(Opcode::kContinuation, "x"),
                   {{Answer::Kind::kError, "unknown_command", {}},
                    {Answer::Kind::kClose, "", {kProtocolError}}}});
}

}  // namespace

Cases FragmentCases() {
  Cases cases;
  AddGood(cases);
  AddControlBetween(cases);
  AddBroken(cases);
  return cases;
}

}  // namespace frames
