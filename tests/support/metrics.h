#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace support {

// The text of /metrics at one moment (Prometheus text format 0.0.4).
class Metrics {
 public:
  // Reads those of the process whose admin address is on this port.
  static Metrics Read(std::uint16_t admin_port);
  static Metrics Parse(std::string_view text);

  // `series` is a name, which sums up all its series, or a name with all its labels as they are
  // written, e.g. `channel_edge_errors_total{code="bad_request"}`. A series that is not there
  // counts as 0 if it has labels (it may not have happened yet); a name that is not there is a
  // TestFailure.
  double Value(const std::string& series) const;

 private:
  std::map<std::string, double> values_;
};

}  // namespace support
