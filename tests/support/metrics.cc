#include "tests/support/metrics.h"

#include <cstdlib>

#include "tests/support/http.h"

namespace support {

Metrics Metrics::Read(std::uint16_t admin_port) {
  const HttpResponse response = HttpGet(admin_port, "/metrics");
  if (response.status != 200) {
    throw TestFailure("/metrics answers " + std::to_string(response.status));
  }
  return Parse(response.body);
}

Metrics Metrics::Parse(std::string_view text) {
  Metrics metrics;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    metrics.values_[line.substr(0, space)] = std::strtod(line.c_str() + space + 1, nullptr);
  }
  return metrics;
}

double Metrics::Value(const std::string& series) const {
  if (const auto found = values_.find(series); found != values_.end()) return found->second;
  if (series.find('{') != std::string::npos) return 0;
  double sum = 0;
  bool seen = false;
  for (auto it = values_.lower_bound(series + "{");
       it != values_.end() && it->first.rfind(series + "{", 0) == 0; ++it) {
    sum += it->second;
    seen = true;
  }
  if (!seen) throw TestFailure("no such metric: " + series);
  return sum;
}

}  // namespace support
