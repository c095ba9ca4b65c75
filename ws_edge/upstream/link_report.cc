#include "ws_edge/upstream/link_report.h"

#include <spdlog/spdlog.h>

namespace edge {
namespace {

constexpr char kNoGrpcHint[] = " (does a channel service listen there, without TLS?)";
constexpr std::chrono::minutes kWarnAgainAfter{1};

// gRPC says no more than this of a peer that hangs up on what it does not understand (with a reset
// if it has not read it), and "http1" of one that answers.
bool IsNoGrpc(const std::string& why) {
  return why.ends_with("Socket closed") || why.ends_with("Connection reset by peer") ||
         why.find("http1") != std::string::npos;
}

}  // namespace

void LinkReport::OnUp(const std::string& address) {
  failure_by_address_.clear();
  metrics_.upstream_up.Set(1);
  metrics_.upstream_connects.Increment();
  spdlog::info("link to the channel service at {} is up", address);
}

void LinkReport::OnDown(const std::string& address, const std::string& why) {
  lost_reason_ = why;
  down_since_ = clock_.Now();
  next_warning_at_ = down_since_ + kWarnAgainAfter;
  metrics_.upstream_up.Set(0);
  spdlog::warn("link to the channel service at {} is down: {}", address, why);
}

void LinkReport::OnConnectFailed(const std::string& address, const std::string& why) {
  std::string& failure = failure_by_address_[address];
  failure = why;
  if (IsNoGrpc(why)) failure += kNoGrpcHint;
  const channel::SteadyTime now = clock_.Now();
  if (now < next_warning_at_) return;
  next_warning_at_ = now + kWarnAgainAfter;
  spdlog::warn("there is no link to the channel service: {}", down_reason());
}

std::string LinkReport::down_reason() const {
  std::string reason = lost_reason_;
  for (const auto& [address, why] : failure_by_address_) {
    if (!reason.empty()) reason += "; ";
    reason += fmt::format("{}: {}", address, why);
  }
  return reason.empty() ? "not connected yet" : reason;
}

}  // namespace edge
