#include "channel_service/base/address.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <optional>

namespace channel {

using boost::asio::ip::tcp;

namespace {

struct HostAndPort {
  std::string_view host;  // without brackets; empty if there is none
  std::optional<uint16_t> port;
};

HostAndPort Split(std::string_view text) {
  HostAndPort parts;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return parts;
  parts.host = text.substr(0, colon);
  if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error == std::errc() && end == digits.data() + digits.size()) parts.port = port;
  return parts;
}

}  // namespace

absl::Status CheckConnectAddress(std::string_view text) {
  const HostAndPort parts = Split(text);
  if (!parts.host.empty() && parts.port.value_or(0) != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is not an address to connect to; write HOST:PORT, as 127.0.0.1:2206", text));
}

absl::StatusOr<tcp::endpoint> ParseListenAddress(std::string_view text) {
  auto [host, port] = Split(text);
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code host_error;
  const auto address = boost::asio::ip::make_address(std::string(host), host_error);
  if (host_error || !port.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not an address to listen on; write IP:PORT, as 127.0.0.1:2206, "
                    "[::1]:2206 or 0.0.0.0:2206 (port 0 = any free one)",
                    text));
  }
  return tcp::endpoint(address, *port);
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
