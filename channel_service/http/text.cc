#include "channel_service/http/text.h"

#include <algorithm>

namespace channel {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string ToLower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Replaces Beast's iequals, which in Boost 1.81 reads one byte behind the end.
bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

void ForEachElement(std::string_view list, const std::function<bool(std::string_view)>& visit) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view element = Trim(list.substr(0, end));
    if (!element.empty() && !visit(element)) return;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

std::string JoinedHeader(const HttpRequest& request, std::string_view name) {
  std::string joined;
  const auto headers = request.equal_range(ToBeast(name));
  for (auto header = headers.first; header != headers.second; ++header) {
    if (!joined.empty()) joined += ", ";
    joined.append(header->value().data(), header->value().size());
  }
  return joined;
}

size_t HeaderCount(const HttpRequest& request, std::string_view name) {
  return request.count(ToBeast(name));
}

bool HeaderLists(const HttpRequest& request, std::string_view name, std::string_view token) {
  bool found = false;
  ForEachElement(JoinedHeader(request, name), [&](std::string_view element) {
    found = EqualsIgnoringCase(element, token);
    return !found;
  });
  return found;
}

}  // namespace channel
