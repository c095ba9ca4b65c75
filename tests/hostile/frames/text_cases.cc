// UTF-8 in text messages: what is valid comes back as it is, what is not closes with 1007.
#include <array>
#include <string>

#include "tests/hostile/frames/frame_cases.h"
#include "tests/support/web_socket_client.h"

namespace frames {
namespace {

using support::EncodeText;
using support::Opcode;

std::string Utf8(std::uint32_t character) {
  const auto tail = [&](int shift) {
    return static_cast<char>(0x80 | (character >> shift & 0x3f));
  };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) return {static_cast<char>(0xc0 | character >> 6), tail(0)};
  if (character < 0x10000) return {static_cast<char>(0xe0 | character >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | character >> 18), tail(12), tail(6), tail(0)};
}

std::string Hex(std::uint32_t character) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%04X", character);
  return text.data();
}

// In the middle of a message.
std::string Around(const std::string& bytes) { return "a" + bytes + "b"; }

struct Broken {
  const char* name;
  std::string bytes;
};

// The sequences of "UTF-8 decoder capability and stress test" (Markus Kuhn) that are not valid.
const std::vector<Broken>& BrokenTexts() {
  static const std::vector<Broken> all{
      {"LoneContinuation80", "\x80"},
      {"LoneContinuationBF", "\xbf"},
      {"TwoContinuations", "\x80\xbf"},
      {"SevenContinuations", "\x80\xbf\x80\xbf\x80\xbf\x80"},
      {"FirstOfTwoAlone", "\xc3 "},
      {"FirstOfThreeAlone", "\xe2 "},
      {"TwoOfThree", "\xe2\x82 "},
      {"FirstOfFourAlone", "\xf0 "},
      {"TwoOfFour", "\xf0\x9f "},
      {"ThreeOfFour", "\xf0\x9f\x98 "},
      {"ThreeCutCharacters", "\xc3\xe2\x82\xf0\x9f\x98"},
      {"ByteFE", "\xfe"},
      {"ByteFF", "\xff"},
      {"BytesFEFEFFFF", "\xfe\xfe\xff\xff"},
      {"OverlongSlashOf2", "\xc0\xaf"},
      {"OverlongSlashOf3", "\xe0\x80\xaf"},
      {"OverlongSlashOf4", "\xf0\x80\x80\xaf"},
      {"OverlongSlashOf5", "\xf8\x80\x80\x80\xaf"},
      {"OverlongSlashOf6", "\xfc\x80\x80\x80\x80\xaf"},
      {"OverlongLargestOf2", "\xc1\xbf"},
      {"OverlongLargestOf3", "\xe0\x9f\xbf"},
      {"OverlongLargestOf4", "\xf0\x8f\xbf\xbf"},
      {"OverlongLargestOf5", "\xf8\x87\xbf\xbf\xbf"},
      {"OverlongNulOf2", std::string("\xc0\x80")},
      {"OverlongNulOf3", std::string("\xe0\x80\x80")},
      {"OverlongNulOf4", std::string("\xf0\x80\x80\x80")},
      {"SmallestOf5", "\xf8\x88\x80\x80\x80"},
      {"SmallestOf6", "\xfc\x84\x80\x80\x80\x80"},
      {"LargestOf5", "\xfb\xbf\xbf\xbf\xbf"},
      {"LargestOf6", "\xfd\xbf\xbf\xbf\xbf\xbf"},
      {"SurrogateD800", "\xed\xa0\x80"},
      {"SurrogateDB7F", "\xed\xad\xbf"},
      {"SurrogateDB80", "\xed\xae\x80"},
      {"SurrogateDBFF", "\xed\xaf\xbf"},
      {"SurrogateDC00", "\xed\xb0\x80"},
      {"SurrogateDF80", "\xed\xbe\x80"},
      {"SurrogateDFFF", "\xed\xbf\xbf"},
      {"PairD800DC00", "\xed\xa0\x80\xed\xb0\x80"},
      {"PairDBFFDFFF", "\xed\xaf\xbf\xed\xbf\xbf"},
      {"Character110000", "\xf4\x90\x80\x80"},
      {"Character13FFFF", "\xf4\xbf\xbf\xbf"},
      {"Character140000", "\xf5\x80\x80\x80"},
      {"Character1FFFFF", "\xf7\xbf\xbf\xbf"},
  };
  return all;
}

}  // namespace

Cases ValidTextCases() {
  Cases cases;
  const auto echo = [&](const std::string& name, const std::string& body) {
    cases.push_back(Echo(name, EncodeText(Send(body)), body));
  };
  // The first and the last of each length, the borders of the surrogates, the byte order mark.
  for (const std::uint32_t character :
       {0x20U, 0x7fU, 0x80U, 0x131U, 0x7ffU, 0x800U, 0x20acU, 0xd7ffU, 0xe000U, 0xfeffU, 0xfffdU,
        0x10000U, 0x1f600U, 0x10fffdU}) {
    echo("Character" + Hex(character), Around(Utf8(character)));
  }
  // Noncharacters are characters here (RFC 3629; Unicode corrigendum 9).
  for (const std::uint32_t character : {0xfdd0U, 0xfdefU}) {
    echo("Noncharacter" + Hex(character), Around(Utf8(character)));
  }
  for (std::uint32_t plane = 0; plane <= 0x10; ++plane) {
    echo("NoncharactersOfPlane" + Hex(plane),
         Around(Utf8(plane << 16 | 0xfffe) + Utf8(plane << 16 | 0xffff)));
  }
  echo("Greek", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5");
  echo("Combining", "e\xcc\x81");
  // A NUL is valid UTF-8, but no JSON.
  cases.push_back(Error("NulInText", EncodeText(Send(std::string_view("a\0b", 3))), "bad_request"));
  // Each place at which fragments may cut a character, with a ping in the cut.
  for (const std::uint32_t character : {0x131U, 0x20acU, 0x1f600U}) {
    const std::string bytes = Utf8(character);
    const std::string text = Send(Around(bytes));
    const std::size_t begin = text.find(bytes);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      Case one = Pongs("Character" + Hex(character) + "CutAfter" + std::to_string(cut),
                       Fragments(text, {begin + cut}, Raw(Opcode::kPing, "cut")), {"cut"});
      one.answers.push_back({Answer::Kind::kMessage, Around(bytes), {}});
      cases.push_back(one);
    }
    std::vector<std::size_t> ends;
    for (std::size_t i = 0; i <= bytes.size(); ++i) ends.push_back(begin + i);
    cases.push_back(Echo("Character" + Hex(character) + "InFragmentsOfOneByte",
                         Fragments(text, ends), Around(bytes)));
  }
  return cases;
}

Cases InvalidTextCases() {
  Cases cases;
  const auto broken = [&](const std::string& name, const std::string& bytes) {
    cases.push_back(Closed(name, bytes, {kInvalidText}));
  };
  for (const Broken& text : BrokenTexts()) {
    broken(text.name, EncodeText(Send(Around(text.bytes))));
  }
  // The end of the message, and only it, cuts a character off.
  for (const std::string& end : {std::string("\xc3"), std::string("\xe2\x82"),
                                 std::string("\xf0\x9f\x98"), std::string("\xf0")}) {
    const std::string name = "CutOffAfter" + std::to_string(end.size()) + "Of" +
                             (end[0] == '\xc3'   ? "2"
                              : end[0] == '\xe2' ? "3"
                                                 : "4");
    broken(name, EncodeText("{\"cmd\":\"" + end));
    broken(name + "InTheLastFragment",
           Raw(Opcode::kText, "{\"cmd\":\"", false) + Raw(Opcode::kContinuation, end));
    broken(name + "OverTwoFragments",
           Raw(Opcode::kText, "\"" + end, false) + Raw(Opcode::kContinuation, "\""));
  }
  // It is noticed before the message is complete.
  broken("BrokenTextOfAnOpenMessage", Raw(Opcode::kText, "{\"\xff", false));
  broken("BrokenTextInALaterFragment",
         Raw(Opcode::kText, "{", false) + Raw(Opcode::kContinuation, "\xed\xa0\x80", false));
  broken("SurrogateOverTwoFragments",
         Raw(Opcode::kText, "\xed", false) + Raw(Opcode::kContinuation, "\xa0\x80", false));
  broken("OverlongOverTwoFragments",
         Raw(Opcode::kText, "\xe0", false) + Raw(Opcode::kContinuation, "\x80\xaf", false));
  return cases;
}

}  // namespace frames
