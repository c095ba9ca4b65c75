#include "channel_service/http/authority.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "channel_service/http/text.h"

namespace channel {
namespace {

namespace ip = boost::asio::ip;

// Longest name and longest label, in bytes (RFC 1035 section 2.3.4).
constexpr size_t kHostBytesMax = 253;

bool IsHostCharacter(char c) {
  // '_' is in no host name of RFC 952, but in names of Docker Compose and of Windows.
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Returns whether `host` is a name or an IPv4 address. `host` is in lower case.
bool IsName(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax || host.front() == '.') return false;
  if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) return false;
  if (host.find("..") != std::string_view::npos) return false;
  // A browser takes a name whose last part is a number for an IPv4 address, and writes it whole.
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (!last.empty() && std::all_of(last.begin(), last.end(), IsDigit)) {
    boost::system::error_code error;
    ip::make_address_v4(std::string(host), error);
    return !error;
  }
  return true;
}

// Returns "[…]" with an IPv6 address in its shortest form; empty if it holds no such address.
std::string NormalIpv6(std::string_view bracketed) {
  const std::string address(bracketed.substr(1, bracketed.size() - 2));
  // No zone ("%eth0"): it means nothing to other machines.
  if (address.find('%') != std::string::npos) return {};
  boost::system::error_code error;
  const auto parsed = ip::make_address_v6(address, error);
  return error ? std::string() : "[" + parsed.to_string() + "]";
}

// Parses what follows the host: nothing, or ":" and the port. An empty port is the default (RFC
// 3986).
bool ReadPort(std::string_view text, std::optional<uint16_t>* port) {
  if (text.empty() || text == ":") return true;
  if (text.front() != ':') return false;
  text.remove_prefix(1);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return false;
  *port = number;
  return true;
}

}  // namespace

std::optional<Authority> ParseAuthority(std::string_view text) {
  Authority result;
  size_t end = 0;
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    result.host = NormalIpv6(text.substr(0, ++end));
    if (result.host.empty()) return std::nullopt;
  } else {
    end = std::min(text.find(':'), text.size());
    result.host = ToLower(text.substr(0, end));
    if (!IsName(result.host)) return std::nullopt;
  }
  if (!ReadPort(text.substr(end), &result.port)) return std::nullopt;
  return result;
}

std::optional<uint16_t> DefaultPort(std::string_view scheme) {
  if (scheme == "http") return uint16_t{80};
  if (scheme == "https") return uint16_t{443};
  return std::nullopt;
}

bool IsLoopbackName(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  constexpr std::string_view kBelow = ".localhost";
  if (host == "localhost") return true;
  if (host.size() > kBelow.size() && host.substr(host.size() - kBelow.size()) == kBelow) {
    return true;
  }
  if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(host), error);
  if (error) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

bool IsAddress(std::string_view host) {
  if (!host.empty() && host.front() == '[') return true;
  boost::system::error_code error;
  ip::make_address_v4(std::string(host), error);
  return !error;
}

bool HostPattern::Matches(std::string_view other) const {
  if (!below) return other == host;
  return other.size() > host.size() + 1 && other.substr(other.size() - host.size()) == host &&
         other[other.size() - host.size() - 1] == '.';
}

std::optional<AuthorityPattern> ParseAuthorityPattern(std::string_view text) {
  AuthorityPattern pattern;
  if (text.substr(0, 2) == "*.") {
    pattern.host.below = true;
    text.remove_prefix(2);
  }
  auto parsed = ParseAuthority(text);
  if (!parsed.has_value() || text.back() == ':') return std::nullopt;
  // No name is below an address.
  const char last = parsed->host.back();
  if (pattern.host.below && (last == ']' || IsDigit(last))) {
    const size_t dot = parsed->host.rfind('.');
    const std::string_view label = std::string_view(parsed->host).substr(dot + 1);
    if (last == ']' || std::all_of(label.begin(), label.end(), IsDigit)) return std::nullopt;
  }
  pattern.host.host = std::move(parsed->host);
  pattern.port = parsed->port;
  return pattern;
}

}  // namespace channel
