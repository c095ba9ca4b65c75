#include "channel_service/base/address.h"

#include <spdlog/spdlog.h>
#include <sys/un.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "channel_service/base/host_port.h"
#include "channel_service/base/strings.h"

namespace channel {

using boost::asio::ip::tcp;

namespace {

constexpr std::string_view kUnixPrefix = "unix:";

// Why `text` is no address to connect to; empty if it is one.
std::string WhyNoConnectAddress(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return "a scheme is not allowed";
  const auto parsed = ParseHostAndPort(text);
  if (!parsed.ok()) return std::string(MessageOf(parsed.status()));
  return parsed->port.has_value() ? "" : "the port is missing";
}

}  // namespace

bool IsUnixAddress(std::string_view text) { return text.starts_with(kUnixPrefix); }

absl::StatusOr<std::string> ParseUnixAddress(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.starts_with('/') && path.size() < sizeof(sockaddr_un::sun_path) &&
      path.find('\0') == std::string_view::npos) {
    return std::string(path);
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not the address of a Unix socket; write unix:PATH with an absolute path "
                  "of at most {} bytes, as unix:/run/channel/grpc.sock",
                  text, sizeof(sockaddr_un::sun_path) - 1));
}

absl::Status CheckConnectAddress(std::string_view text) {
  if (IsUnixAddress(text)) return ParseUnixAddress(text).status();
  const std::string why = WhyNoConnectAddress(text);
  if (why.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is not an address to connect to: {}; write HOST:PORT, as 127.0.0.1:2206, [::1]:2206 or "
      "channel.example:2206, or unix:PATH",
      text, why));
}

std::string GrpcTarget(std::string_view address) {
  if (!IsUnixAddress(address)) return std::string(address);
  std::string target(kUnixPrefix);
  for (const char c : address.substr(kUnixPrefix.size())) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || std::string_view("/-._~").find(c) != std::string_view::npos) {
      target += c;
    } else {
      target += fmt::format("%{:02X}", byte);
    }
  }
  return target;
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

absl::Status CheckExposure(const tcp::endpoint& endpoint, std::string_view flag,
                           std::string_view allowed, bool insecure) {
  if (endpoint.address().is_loopback()) return absl::OkStatus();
  if (!insecure) {
    return absl::FailedPreconditionError(
        fmt::format("{}={} can be reached from other machines and nothing asks them who they are; "
                    "listen on a loopback address, or say --insecure if the network is trusted",
                    flag, ToString(endpoint)));
  }
  spdlog::warn("--insecure: {}={} asks nobody who they are; {}", flag, ToString(endpoint), allowed);
  return absl::OkStatus();
}

}  // namespace channel
