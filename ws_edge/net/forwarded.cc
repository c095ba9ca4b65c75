#include "ws_edge/net/forwarded.h"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <utility>
#include <vector>

#include "channel_service/base/peer_address.h"
#include "channel_service/base/printable.h"
#include "channel_service/http/text.h"

namespace edge {
namespace {

namespace ip = boost::asio::ip;

// One hop, as a proxy tells it. A field that is not told is empty.
struct Hop {
  std::string client;
  std::string host;
  std::string proto;
};

absl::Status Bad(std::string_view header, std::string_view what, std::string_view value) {
  return absl::InvalidArgumentError(
      fmt::format("the header {} is bad: {}: '{}'", header, what, channel::Printable(value, 64)));
}

// The characters of a token (RFC 9110 section 5.6.2).
bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Reads Forwarded. Addresses with ports and IPv6 must be in quotes, but many proxies leave them
// out, so colons and brackets are taken without.
class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : text_(text) {}

  // False if the text does not have the syntax of RFC 7239 section 4.
  bool Read(std::vector<Hop>* hops) {
    hops->emplace_back();
    while (true) {
      SkipSpace();
      if (at_ < text_.size() && text_[at_] != ';' && text_[at_] != ',' && !ReadPair(&hops->back()))
        return false;
      SkipSpace();
      if (at_ == text_.size()) return true;
      const char separator = text_[at_++];
      if (separator == ',') {
        hops->emplace_back();
      } else if (separator != ';') {
        return false;
      }
    }
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool ReadPair(Hop* hop) {
    const size_t begin = at_;
    while (at_ < text_.size() && IsTokenCharacter(text_[at_])) ++at_;
    const std::string name = channel::ToLower(text_.substr(begin, at_ - begin));
    if (name.empty() || at_ == text_.size() || text_[at_] != '=') return false;
    ++at_;
    std::string value;
    if (!ReadValue(&value) || value.empty()) return false;
    std::string* const target = name == "for"     ? &hop->client
                                : name == "host"  ? &hop->host
                                : name == "proto" ? &hop->proto
                                                  : nullptr;
    if (target == nullptr) return true;  // "by", and extensions
    if (!target->empty()) return false;  // at most once in an element
    *target = std::move(value);
    return true;
  }

  bool ReadValue(std::string* value) {
    if (at_ == text_.size() || text_[at_] != '"') {
      while (at_ < text_.size() && (IsTokenCharacter(text_[at_]) || text_[at_] == ':' ||
                                    text_[at_] == '[' || text_[at_] == ']')) {
        value->push_back(text_[at_++]);
      }
      return true;
    }
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return true;
      }
      if (text_[at_] == '\\') ++at_;
      if (at_ == text_.size()) return false;
      value->push_back(text_[at_]);
    }
    return false;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

// Parses "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". The port
// is 0 if none is there. Returns nothing if the text is no address.
std::optional<std::pair<ip::address, uint16_t>> ParseNode(std::string_view text) {
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && text.rfind(':') == colon) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  if (!port.empty() && port.front() != ':') return std::nullopt;
  if (text.find('%') != std::string_view::npos) return std::nullopt;
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  uint16_t number = 0;
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (bad != std::errc() || end != port.data() + port.size()) number = 0;
  }
  return std::pair(channel::Unmapped(address), number);
}

// Reads `clients`, the addresses from left to right, from the right. Returns how many of them were
// read: at least one, so that what the nearest proxy says of host and scheme counts.
size_t ReadClients(const std::vector<std::string_view>& clients, const AddressRanges& trusted,
                   Forwarded* result) {
  size_t read = 0;
  while (read < clients.size()) {
    ++read;
    const auto node = ParseNode(clients[clients.size() - read]);
    if (!node.has_value()) break;
    result->client = node->first;
    result->client_port = node->second;
    if (!trusted.Contain(node->first)) break;
  }
  return std::max<size_t>(read, 1);
}

absl::Status SetHost(std::string_view header, std::string_view text, Forwarded* result) {
  result->host = channel::ParseAuthority(text);
  return result->host.has_value() ? absl::OkStatus() : Bad(header, "no host", text);
}

absl::Status SetScheme(std::string_view header, std::string_view text, Forwarded* result) {
  // Some proxies tell the scheme of the WebSocket.
  if (channel::EqualsIgnoringCase(text, "https") || channel::EqualsIgnoringCase(text, "wss")) {
    result->scheme = "https";
  } else if (channel::EqualsIgnoringCase(text, "http") || channel::EqualsIgnoringCase(text, "ws")) {
    result->scheme = "http";
  } else {
    return Bad(header, "neither http nor https", text);
  }
  return absl::OkStatus();
}

absl::StatusOr<Forwarded> ReadStandard(std::string_view text, const AddressRanges& trusted) {
  std::vector<Hop> hops;
  if (!ForwardedReader(text).Read(&hops)) return Bad("Forwarded", "not as RFC 7239 has it", text);
  std::vector<std::string_view> clients;
  clients.reserve(hops.size());
  for (const Hop& hop : hops) clients.push_back(hop.client);
  Forwarded result;
  // The client asked for the host and scheme that the hop nearest to it tells.
  for (size_t i = hops.size() - ReadClients(clients, trusted, &result); i < hops.size(); ++i) {
    if (!result.host.has_value() && !hops[i].host.empty()) {
      if (auto status = SetHost("Forwarded", hops[i].host, &result); !status.ok()) return status;
    }
    if (result.scheme.empty() && !hops[i].proto.empty()) {
      if (auto status = SetScheme("Forwarded", hops[i].proto, &result); !status.ok()) return status;
    }
  }
  return result;
}

std::vector<std::string_view> Split(std::string_view list) {
  std::vector<std::string_view> elements;
  channel::ForEachElement(list, [&](std::string_view element) {
    elements.push_back(element);
    return true;
  });
  return elements;
}

// Returns the element that the proxy next to the client has added: `read` from the right, or the
// first of a shorter list (most proxies keep one value and do not add).
std::string_view ElementOf(const std::vector<std::string_view>& list, size_t read) {
  return list[list.size() - std::min(read, list.size())];
}

absl::StatusOr<Forwarded> ReadX(const ForwardedHeaders& headers, const AddressRanges& trusted) {
  Forwarded result;
  const size_t read = ReadClients(Split(headers.x_for), trusted, &result);
  if (const auto hosts = Split(headers.x_host); !hosts.empty()) {
    if (auto status = SetHost("X-Forwarded-Host", ElementOf(hosts, read), &result); !status.ok()) {
      return status;
    }
  }
  if (const auto schemes = Split(headers.x_proto); !schemes.empty()) {
    if (auto status = SetScheme("X-Forwarded-Proto", ElementOf(schemes, read), &result);
        !status.ok()) {
      return status;
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<Forwarded> ReadForwarded(const ForwardedHeaders& headers,
                                        const AddressRanges& trusted_proxies) {
  if (headers.forwarded.empty()) return ReadX(headers, trusted_proxies);
  auto standard = ReadStandard(headers.forwarded, trusted_proxies);
  if (!standard.ok()) return standard;
  auto x = ReadX(headers, trusted_proxies);
  if (!x.ok()) return x;
  if ((standard->client && x->client && *standard->client != *x->client) ||
      (standard->host && x->host && *standard->host != *x->host) ||
      (!standard->scheme.empty() && !x->scheme.empty() && standard->scheme != x->scheme)) {
    return absl::InvalidArgumentError(
        "the headers Forwarded and X-Forwarded-* contradict each other; the proxy must remove "
        "those "
        "that it does not set itself");
  }
  if (!standard->client)
    std::tie(standard->client, standard->client_port) = std::pair(x->client, x->client_port);
  if (!standard->host) standard->host = x->host;
  if (standard->scheme.empty()) standard->scheme = x->scheme;
  return standard;
}

}  // namespace edge
