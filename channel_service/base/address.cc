#include "channel_service/base/address.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

#include "channel_service/base/host_port.h"
#include "channel_service/base/strings.h"

namespace channel {

using boost::asio::ip::tcp;

namespace {

// Why `text` is no address to connect to; empty if it is one.
std::string WhyNoConnectAddress(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return "a scheme is not allowed";
  const auto parsed = ParseHostAndPort(text);
  if (!parsed.ok()) return std::string(MessageOf(parsed.status()));
  return parsed->port.has_value() ? "" : "the port is missing";
}

}  // namespace

absl::Status CheckConnectAddress(std::string_view text) {
  const std::string why = WhyNoConnectAddress(text);
  if (why.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is not an address to connect to: {}; write HOST:PORT, as 127.0.0.1:2206, [::1]:2206 or "
      "channel.example:2206",
      text, why));
}

absl::Status CheckConnectAddresses(const std::vector<std::string>& addresses) {
  if (addresses.empty()) {
    return absl::InvalidArgumentError("at least one HOST:PORT is needed, as 127.0.0.1:2206");
  }
  for (auto address = addresses.begin(); address != addresses.end(); ++address) {
    if (absl::Status status = CheckConnectAddress(*address); !status.ok()) return status;
    if (std::find(addresses.begin(), address, *address) != address) {
      return absl::InvalidArgumentError(
          fmt::format("{} is given twice; once is allowed", *address));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<tcp::endpoint> ParseListenAddress(std::string_view text) {
  const auto parsed = ParseHostAndPort(text, /*port_min=*/0);
  if (parsed.ok() && parsed->port.has_value()) {
    const bool is_localhost = !parsed->is_v6 && parsed->host == "localhost";
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(
        is_localhost ? "127.0.0.1" : std::string(parsed->host), error);
    if (!error) return tcp::endpoint(address, *parsed->port);
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not an address to listen on; write IP:PORT, as 127.0.0.1:2206, "
                  "[::1]:2206 or 0.0.0.0:2206 (port 0 = any free one)",
                  text));
}

std::string ToString(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

absl::Status CheckExposure(const tcp::endpoint& endpoint, std::string_view flag, bool insecure) {
  if (endpoint.address().is_loopback()) return absl::OkStatus();
  if (!insecure) {
    return absl::FailedPreconditionError(
        fmt::format("{}={} can be reached from other machines and nothing asks them who they are; "
                    "listen on a loopback address, or say --insecure if the network is trusted",
                    flag, ToString(endpoint)));
  }
  spdlog::warn("{}={} can be reached from other machines without authentication (--insecure)", flag,
               ToString(endpoint));
  return absl::OkStatus();
}

}  // namespace channel
