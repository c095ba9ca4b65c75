#include "ws_edge/net/web_file.h"

#include <optional>

#include "channel_service/http/text.h"

namespace edge {
namespace {

// Parses "0" to "1" with at most three decimals (RFC 9110 section 12.4.2) into thousandths. Returns
// nothing for any other text.
std::optional<int> ParseWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.front() != '0' && text.front() != '1')) {
    return std::nullopt;
  }
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int thousandths = (text.front() - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<size_t>(text.size(), 2))) {
    if (c < '0' || c > '9') return std::nullopt;
    thousandths += (c - '0') * unit;
    unit /= 10;
  }
  return thousandths <= 1000 ? std::optional(thousandths) : std::nullopt;
}

// Returns the weight of "gzip ; q=0.5"; nothing if it is malformed.
std::optional<int> WeightOf(std::string_view parameters) {
  parameters = channel::Trim(parameters);
  if (parameters.empty()) return 1000;
  const size_t equals = parameters.find('=');
  if (equals == std::string_view::npos ||
      !channel::EqualsIgnoringCase(parameters.substr(0, equals), "q")) {
    return std::nullopt;
  }
  return ParseWeight(parameters.substr(equals + 1));
}

}  // namespace

std::string WebFile::Etag(bool compressed) const {
  return '"' + std::string(hash) + (compressed ? "-gzip\"" : "\"");
}

bool WantsGzip(std::string_view accept_encoding) {
  std::optional<int> gzip;
  std::optional<int> identity;
  std::optional<int> others;
  channel::ForEachElement(accept_encoding, [&](std::string_view element) {
    const size_t end = std::min(element.find(';'), element.size());
    const std::string_view name = channel::Trim(element.substr(0, end));
    const auto weight = WeightOf(element.substr(std::min(end + 1, element.size())));
    if (!weight.has_value()) return true;  // a malformed header counts as absent
    if (channel::EqualsIgnoringCase(name, "gzip") || channel::EqualsIgnoringCase(name, "x-gzip"))
      gzip = weight;
    if (channel::EqualsIgnoringCase(name, "identity")) identity = weight;
    if (name == "*") others = weight;
    return true;
  });
  const int wanted = gzip.value_or(others.value_or(0));
  return wanted > 0 && wanted >= identity.value_or(0);
}

bool NamesEtag(std::string_view if_none_match, std::string_view etag) {
  bool found = false;
  channel::ForEachElement(if_none_match, [&](std::string_view element) {
    if (element.substr(0, 2) == "W/") element.remove_prefix(2);
    found = element == etag || element == "*";
    return !found;
  });
  return found;
}

}  // namespace edge
