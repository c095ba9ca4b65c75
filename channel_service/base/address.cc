#include "channel_service/base/address.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace channel {

using boost::asio::ip::tcp;

namespace {

constexpr std::string_view kHostCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

struct HostAndPort {
  std::string_view host;  // without brackets; empty if there is none
  bool in_brackets = false;
  std::optional<uint16_t> port;
};

HostAndPort Split(std::string_view text) {
  HostAndPort parts;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return parts;
  parts.host = text.substr(0, colon);
  if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
    parts.in_brackets = true;
  }
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error == std::errc() && end == digits.data() + digits.size()) parts.port = port;
  return parts;
}

// Why nobody can connect to it; empty if somebody may.
std::string_view WhyNoConnectAddress(std::string_view text) {
  const HostAndPort parts = Split(text);
  if (text.empty()) return "it is empty";
  if (text.find("://") != std::string_view::npos) return "a scheme is not allowed";
  const bool no_port = text.find(':') == std::string_view::npos || text.back() == ']';
  if (no_port) return "the port is missing";
  if (parts.host.empty()) return "the host is missing";
  if (parts.in_brackets) {
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(std::string(parts.host), error);
    if (error) return "in brackets stands no IPv6 address";
  } else if (parts.host.find(':') != std::string_view::npos) {
    return "an IPv6 address stands in brackets";
  } else if (parts.host.find_first_not_of(kHostCharacters) != std::string_view::npos) {
    return "a host has letters, digits, dots and hyphens only";
  }
  if (parts.port.value_or(0) == 0) return "a port is a number from 1 to 65535";
  return {};
}

}  // namespace

absl::Status CheckConnectAddress(std::string_view text) {
  const std::string_view why = WhyNoConnectAddress(text);
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
  HostAndPort parts = Split(text);
  if (parts.host == "localhost" && !parts.in_brackets) parts.host = "127.0.0.1";
  boost::system::error_code host_error;
  const auto address = boost::asio::ip::make_address(std::string(parts.host), host_error);
  // Brackets belong to IPv6: without them its last group could be taken for the port.
  if (host_error || address.is_v6() != parts.in_brackets || !parts.port.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not an address to listen on; write IP:PORT, as 127.0.0.1:2206, "
                    "[::1]:2206 or 0.0.0.0:2206 (port 0 = any free one)",
                    text));
  }
  return tcp::endpoint(address, *parts.port);
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
