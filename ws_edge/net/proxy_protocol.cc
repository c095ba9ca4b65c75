#include "ws_edge/net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdint>
#include <string>

#include "channel_service/base/peer_address.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/address_ranges.h"

namespace edge {
namespace {

namespace ip = boost::asio::ip;
using State = ProxyHeader::State;

constexpr std::string_view kPrefix1 = "PROXY ";
constexpr size_t kLine1BytesMax = 107;                               // section 2.1, with CR and LF
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);  // section 2.2
constexpr size_t kHead2Bytes = 16;

ProxyHeader Malformed(const char* why) { return {State::kMalformed, 0, std::nullopt, why}; }

bool BeginsAlike(std::string_view bytes, std::string_view prefix) {
  const size_t size = std::min(bytes.size(), prefix.size());
  return bytes.substr(0, size) == prefix.substr(0, size);
}

bool ReadPort(std::string_view text, uint16_t* port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port);
  return error == std::errc() && end == text.data() + text.size();
}

bool ReadAddress(std::string_view text, bool v6, ip::address* address) {
  boost::system::error_code error;
  *address = ip::make_address(std::string(text), error);
  return !error && address->is_v6() == v6 && text.find('%') == std::string_view::npos;
}

// Parses "TCP4 192.0.2.1 192.0.2.2 56324 443".
ProxyHeader ReadLine1(std::string_view line) {
  ProxyHeader header{State::kComplete, kPrefix1.size() + line.size() + 2, std::nullopt, ""};
  if (line == "UNKNOWN" || line.substr(0, 8) == "UNKNOWN ") return header;
  std::array<std::string_view, 5> fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    const size_t end = line.find(' ');
    if ((end == std::string_view::npos) != (i + 1 == fields.size())) {
      return Malformed("its line has not five fields");
    }
    fields[i] = line.substr(0, end);
    line.remove_prefix(i + 1 == fields.size() ? 0 : end + 1);
  }
  const bool v6 = fields[0] == "TCP6";
  if (!v6 && fields[0] != "TCP4") return Malformed("its protocol is not TCP4, TCP6 or UNKNOWN");
  ip::address source;
  ip::address target;
  if (!ReadAddress(fields[1], v6, &source) || !ReadAddress(fields[2], v6, &target)) {
    return Malformed("it has a bad address");
  }
  uint16_t source_port = 0;
  uint16_t target_port = 0;
  if (!ReadPort(fields[3], &source_port) || !ReadPort(fields[4], &target_port)) {
    return Malformed("it has a bad port");
  }
  header.client = ip::tcp::endpoint(channel::Unmapped(source), source_port);
  return header;
}

ProxyHeader Read1(std::string_view bytes) {
  const std::string_view possible = bytes.substr(0, kLine1BytesMax);
  const size_t end = possible.find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() < kLine1BytesMax ? ProxyHeader() : Malformed("its line is too long");
  }
  return ReadLine1(possible.substr(kPrefix1.size(), end - kPrefix1.size()));
}

uint16_t BigEndian(std::string_view two) {
  return static_cast<uint16_t>(static_cast<uint8_t>(two[0]) << 8 | static_cast<uint8_t>(two[1]));
}

// `addresses` holds source, target and their ports.
template <typename Address>
ip::tcp::endpoint ReadClient2(std::string_view addresses) {
  typename Address::bytes_type bytes;
  std::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  const uint16_t port = BigEndian(addresses.substr(2 * bytes.size(), 2));
  return {channel::Unmapped(Address(bytes)), port};
}

ProxyHeader Read2(std::string_view bytes) {
  if (bytes.size() < kHead2Bytes) return {};
  const auto version_and_command = static_cast<uint8_t>(bytes[12]);
  const auto family = static_cast<uint8_t>(bytes[13]);
  const size_t size = BigEndian(bytes.substr(14, 2));
  if (version_and_command != 0x20 && version_and_command != 0x21) {
    return Malformed("its version or command is unknown");
  }
  if (kHead2Bytes + size > kProxyHeaderBytesMax) return Malformed("it is too long");
  // The TLVs that follow the addresses are skipped with them.
  ProxyHeader header{State::kComplete, kHead2Bytes + size, std::nullopt, ""};
  const bool local = version_and_command == 0x20;
  const bool v4 = family == 0x11;
  const bool v6 = family == 0x21;
  const bool unix_stream = family == 0x31;
  if (!local) {
    if (!v4 && !v6 && !unix_stream && family != 0) return Malformed("its protocol is not TCP");
    if (size < (v4 ? 12u : v6 ? 36u : unix_stream ? 216u : 0u)) {
      return Malformed("it is shorter than its addresses");
    }
  }
  if (bytes.size() < header.bytes) return {};
  const std::string_view addresses = bytes.substr(kHead2Bytes, size);
  if (!local && v4) header.client = ReadClient2<ip::address_v4>(addresses);
  if (!local && v6) header.client = ReadClient2<ip::address_v6>(addresses);
  return header;
}

}  // namespace

ProxyHeader ReadProxyHeader(std::string_view bytes) {
  if (BeginsAlike(bytes, kPrefix1)) {
    return bytes.size() < kPrefix1.size() ? ProxyHeader() : Read1(bytes);
  }
  if (BeginsAlike(bytes, kSignature2)) {
    return bytes.size() < kSignature2.size() ? ProxyHeader() : Read2(bytes);
  }
  return Malformed("the connection does not begin with one");
}

}  // namespace edge
