#include "tests/integration/transcript.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/support/deadline.h"

namespace golden {
namespace {

using support::TestFailure;

// "{name}" or "{*}". JSON has no such thing: a quotation mark or a brace follows its braces.
const std::regex kCapture(R"(\{(\*|[a-z][a-z0-9_]*)\})");
// A name or "{*}" may stand for a number, or a string without its quotation marks.
constexpr const char* kCaptured = R"([^"\\,{}\[\]\s]+)";

std::string EscapeForRegex(const std::string& text) {
  static const std::regex special(R"([.^$|()\[\]{}*+?\\])");
  return std::regex_replace(text, special, R"(\$&)");
}

// Calls visit(text, name) for each stretch of text and the name behind it; the last name is empty.
template <typename Visit>
void Split(const std::string& text, Visit visit) {
  std::size_t at = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), kCapture), end; match != end; ++match) {
    const auto begin = static_cast<std::size_t>(match->position());
    visit(text.substr(at, begin - at), (*match)[1].str());
    at = begin + static_cast<std::size_t>(match->length());
  }
  visit(text.substr(at), std::string());
}

// "% service --flag --flag", "% edge --flag" or "%" alone.
void ReadFlags(const std::string& text, Transcript& transcript) {
  transcript.own_deployment = true;
  std::istringstream words(text);
  std::string whose;
  if (!(words >> whose)) return;
  if (whose != "service" && whose != "edge") throw TestFailure("whose flags? " + text);
  auto& flags = whose == "service" ? transcript.service_flags : transcript.edge_flags;
  for (std::string flag; words >> flag;) flags.push_back(flag);
}

}  // namespace

std::vector<std::string> TranscriptNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CHANNEL_GOLDEN_DIR)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  if (names.empty()) throw TestFailure("no transcripts in " CHANNEL_GOLDEN_DIR);
  std::sort(names.begin(), names.end());
  return names;
}

Transcript ReadTranscript(const std::string& name) {
  std::ifstream file(std::filesystem::path(CHANNEL_GOLDEN_DIR) / (name + ".txt"));
  Transcript transcript;
  std::vector<Line>& lines = transcript.lines;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    const std::size_t mark = text.find_first_of("<>!@=^~%");
    const std::size_t space = std::min(text.find(' '), text.size());
    if (mark == std::string::npos || mark >= space) {
      throw TestFailure("line " + std::to_string(number) + " is not of a transcript: " + text);
    }
    Line line{number, text.substr(0, mark), text.substr(mark, space - mark), {}};
    line.texts.push_back(space < text.size() ? text.substr(space + 1) : "");
    if (line.kind == "%") {
      ReadFlags(line.text(), transcript);
    } else if (line.kind == "<?" && !lines.empty() && lines.back().kind == "<?" &&
               lines.back().connection == line.connection) {
      lines.back().texts.push_back(line.text());
    } else {
      lines.push_back(std::move(line));
    }
  }
  return transcript;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits.push_back(c);
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  if (!digits.empty()) throw TestFailure("half a byte in: " + hex);
  return bytes;
}

std::string Captures::Fill(const std::string& text) const {
  std::string filled;
  Split(text, [&](const std::string& literal, const std::string& name) {
    filled += literal;
    if (name.empty()) return;
    const auto found = value_by_name_.find(name);
    if (found == value_by_name_.end()) throw TestFailure("nothing was named {" + name + "} yet");
    filled += found->second;
  });
  return filled;
}

bool Captures::Match(const std::string& pattern, const std::string& text, bool words_are_open) {
  std::string expression;
  std::vector<std::string> new_names;
  Split(pattern, [&](const std::string& literal, const std::string& name) {
    std::string escaped = EscapeForRegex(literal);
    if (words_are_open) escaped = std::regex_replace(escaped, std::regex(R"(\\\*)"), ".*");
    expression += escaped;
    if (name.empty()) return;
    const auto known = value_by_name_.find(name);
    const auto again = std::find(new_names.begin(), new_names.end(), name);
    if (known != value_by_name_.end()) {
      expression += EscapeForRegex(known->second);
    } else if (again != new_names.end() && name != "*") {
      expression += "(?:\\" + std::to_string(again - new_names.begin() + 1) + ")";
    } else {
      expression += std::string("(") + kCaptured + ")";
      new_names.push_back(name);
    }
  });
  std::smatch match;
  if (!std::regex_match(text, match, std::regex(expression))) return false;
  for (std::size_t i = 0; i < new_names.size(); ++i) {
    if (new_names[i] != "*") value_by_name_[new_names[i]] = match[i + 1].str();
  }
  return true;
}

}  // namespace golden
