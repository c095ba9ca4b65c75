// Reports the link to operators: log lines, metrics, and the reason why it is not up.
//
// Owned by the link. Each change is logged; that there is still no link once in kWarnAgainAfter.
#pragma once

#include <map>
#include <string>

#include "channel_service/base/clock.h"
#include "ws_edge/metrics.h"

namespace edge {

class LinkReport {
 public:
  LinkReport(const channel::Clock& clock, EdgeMetrics& metrics)
      : clock_(clock), metrics_(metrics), down_since_(clock.Now()) {}

  void OnUp(const std::string& address);
  void OnDown(const std::string& address, const std::string& why);
  // There is no link, and an attempt to make one to this address has failed.
  void OnConnectFailed(const std::string& address, const std::string& why);

  // Returns why it is not up: the last reason of each address that was tried since.
  std::string down_reason() const;
  // The time when it went down, or when this was made, if it is not up.
  channel::SteadyTime down_since() const { return down_since_; }

 private:
  const channel::Clock& clock_;
  EdgeMetrics& metrics_;
  std::string lost_reason_;  // why the last link that was up was lost; empty if none was
  std::map<std::string, std::string> failure_by_address_;  // since the link is not up
  channel::SteadyTime down_since_;
  channel::SteadyTime next_warning_at_;  // that there is still no link
};

}  // namespace edge
