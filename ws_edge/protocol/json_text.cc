#include "ws_edge/protocol/json_text.h"

#include <boost/json.hpp>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace edge {
namespace {

// White space (RFC 8259 section 2).
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t SkipSpace(std::string_view json, size_t at) {
  while (at < json.size() && IsSpace(json[at])) ++at;
  return at;
}

// `at` is a quotation mark; returns the place behind the string. Looks from mark to mark: messages
// are mostly one long string.
size_t SkipString(std::string_view json, size_t at) {
  while (true) {
    at = json.find('"', at + 1);
    if (at == std::string_view::npos) return json.size();
    size_t backslashes = 0;  // the mark at the beginning ends them
    while (json[at - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at + 1;
  }
}

// Returns the place behind the value that begins at `at`.
size_t SkipValue(std::string_view json, size_t at) {
  int depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = SkipString(json, at);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || IsSpace(c))) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
    if (depth == 0 && (c == '}' || c == ']')) return at;
  }
  return at;
}

// Returns the text of a JSON string that is given with its quotation marks.
std::string Unescape(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) {
    return std::string(text.substr(1, text.size() - 2));
  }
  boost::system::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_string()) return std::string(text);
  const boost::json::string& string = value.get_string();
  return {string.data(), string.size()};
}

// Returns whether `string`, with its quotation marks, means this text.
bool IsString(std::string_view string, std::string_view text) {
  if (string.find('\\') != std::string_view::npos) return Unescape(string) == text;
  return string.substr(1, string.size() - 2) == text;
}

}  // namespace

std::string_view FindMember(std::string_view json, std::string_view name) {
  size_t at = SkipSpace(json, 0) + 1;  // behind the opening brace
  while (true) {
    at = SkipSpace(json, at);
    if (at >= json.size() || json[at] != '"') return {};
    const size_t name_end = SkipString(json, at);
    const std::string_view member = json.substr(at, name_end - at);
    at = SkipSpace(json, SkipSpace(json, name_end) + 1);  // behind the colon
    const size_t value_end = SkipValue(json, at);
    if (IsString(member, name)) return json.substr(at, value_end - at);
    at = SkipSpace(json, value_end);
    if (at >= json.size() || json[at] != ',') return {};
    ++at;
  }
}

std::optional<std::string> FindNameTwice(std::string_view json) {
  std::vector<absl::flat_hash_set<std::string>> open;  // names of the objects around; arrays: none
  for (size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      const size_t end = SkipString(json, at);
      const size_t next = SkipSpace(json, end);
      if (next < json.size() && json[next] == ':') {
        std::string name = Unescape(json.substr(at, end - at));
        if (!open.back().insert(name).second) return name;
      }
      at = end;
      continue;
    }
    if (c == '{' || c == '[') open.emplace_back();
    if (c == '}' || c == ']') open.pop_back();
    ++at;
  }
  return std::nullopt;
}

std::string CompactJson(std::string_view json) {
  std::string compact;
  compact.reserve(json.size());
  for (size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      const size_t end = SkipString(json, at);
      compact.append(json.substr(at, end - at));
      at = end;
    } else {
      if (!IsSpace(json[at])) compact.push_back(json[at]);
      ++at;
    }
  }
  return compact;
}

}  // namespace edge
