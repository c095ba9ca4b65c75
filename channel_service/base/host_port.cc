#include "channel_service/base/host_port.h"

#include <boost/asio/ip/address_v6.hpp>
#include <charconv>
#include <string>

namespace channel {
namespace {

// '_' is in no host name of RFC 952, but in names of Docker Compose and of Windows.
constexpr std::string_view kHostCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

absl::Status Wrong(const char* why) { return absl::InvalidArgumentError(why); }

std::optional<uint16_t> ParsePort(std::string_view digits, uint16_t port_min) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < port_min) {
    return std::nullopt;
  }
  return port;
}

bool IsIpv6(std::string_view text) {
  boost::system::error_code error;
  boost::asio::ip::make_address_v6(std::string(text), error);
  return !error;
}

}  // namespace

absl::StatusOr<HostAndPort> ParseHostAndPort(std::string_view text, uint16_t port_min) {
  if (text.empty()) return Wrong("it is empty");
  HostAndPort parsed;
  std::string_view rest;  // nothing, or ":" and the port
  if (text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Wrong("a [ has no ]");
    parsed.host = text.substr(1, close - 1);
    parsed.is_v6 = true;
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return Wrong("only :PORT may follow a ]");
  } else {
    parsed.host = text.substr(0, text.rfind(':'));
    rest = text.substr(parsed.host.size());
  }
  if (parsed.host.empty()) return Wrong("the host is missing");
  if (parsed.is_v6) {
    if (!IsIpv6(parsed.host)) return Wrong("in brackets stands no IPv6 address");
  } else if (parsed.host.find(':') != std::string_view::npos) {
    return Wrong("an IPv6 address stands in brackets");
  } else if (parsed.host.find_first_not_of(kHostCharacters) != std::string_view::npos) {
    return Wrong("a host has letters, digits, dots and hyphens only");
  }
  if (rest.empty()) return parsed;
  parsed.port = ParsePort(rest.substr(1), port_min);
  if (!parsed.port.has_value()) return Wrong("a port is a number from 1 to 65535");
  return parsed;
}

}  // namespace channel
