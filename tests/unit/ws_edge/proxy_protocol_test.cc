#include "ws_edge/net/proxy_protocol.h"

#include <gtest/gtest.h>

#include "channel_service/base/address.h"
#include "ws_edge/limits.h"

namespace edge {
namespace {

using State = ProxyHeader::State;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string Header2(int version_and_command, int family, const std::string& rest) {
  std::string header = kSignature;
  header.push_back(static_cast<char>(version_and_command));
  header.push_back(static_cast<char>(family));
  header.push_back(static_cast<char>(rest.size() >> 8));
  header.push_back(static_cast<char>(rest.size()));
  return header + rest;
}

const std::string kAddresses4("\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x01\xbb", 12);
const std::string kAddresses6 = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16) +
                                std::string(15, '\0') + "\x01\x12\x67\x01\xbb";

// The client, "none" if it is not told, or why the header is malformed. The bytes behind the
// header must not matter, and each shorter beginning must be incomplete.
std::string Read(const std::string& header) {
  const ProxyHeader read = ReadProxyHeader(header + "GET / HTTP/1.1\r\n");
  if (read.state == State::kMalformed) return read.why;
  EXPECT_EQ(read.state, State::kComplete);
  EXPECT_EQ(read.bytes, header.size());
  for (size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(ReadProxyHeader(header.substr(0, size)).state, State::kIncomplete) << size;
  }
  return read.client.has_value() ? channel::ToString(*read.client) : "none";
}

TEST(ProxyProtocolTest, Version1) {
  EXPECT_EQ(Read("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n"), "192.0.2.1:4711");
  EXPECT_EQ(Read("PROXY TCP6 2001:db8::7 ::1 4711 443\r\n"), "[2001:db8::7]:4711");
  EXPECT_EQ(Read("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 65535\r\n"), "192.0.2.1:1");
  EXPECT_EQ(Read("PROXY UNKNOWN\r\n"), "none");
  EXPECT_EQ(Read("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "none");
}

TEST(ProxyProtocolTest, MalformedVersion1) {
  const std::pair<std::string, const char*> rows[] = {
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n", "five fields"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443 1\r\n", "five fields"},
      {"PROXY TCP4  192.0.2.1 10.0.0.1 4711 443\r\n", "five fields"},
      {"PROXY UDP4 192.0.2.1 10.0.0.1 4711 443\r\n", "protocol"},
      {"PROXY TCP4 2001:db8::7 ::1 4711 443\r\n", "address"},
      {"PROXY TCP6 192.0.2.1 10.0.0.1 4711 443\r\n", "address"},
      {"PROXY TCP4 192.0.2.256 10.0.0.1 4711 443\r\n", "address"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n", "port"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 -1\r\n", "port"},
      {"PROXY \r\n", "five fields"},
      {"PROXY " + std::string(101, 'x'), "too long"},
      {"PROXY " + std::string(100, 'x') + "\r\n", "too long"},
      {"GET / HTTP/1.1\r\n", "does not begin"},
      {"proxy TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", "does not begin"},
      {"\r\nPROXY", "does not begin"},
      {"\x16\x03\x01", "does not begin"},
  };
  for (const auto& [bytes, why] : rows) {
    const ProxyHeader header = ReadProxyHeader(bytes);
    EXPECT_EQ(header.state, State::kMalformed) << bytes;
    EXPECT_NE(std::string(header.why).find(why), std::string::npos) << bytes << ": " << header.why;
  }
}

TEST(ProxyProtocolTest, Version2) {
  EXPECT_EQ(Read(Header2(0x21, 0x11, kAddresses4)), "192.0.2.1:4711");
  EXPECT_EQ(Read(Header2(0x21, 0x21, kAddresses6)), "[2001:db8::7]:4711");
  const std::string tlv = std::string("\x04\0\x03", 3) + "abc";
  EXPECT_EQ(Read(Header2(0x21, 0x11, kAddresses4 + tlv)), "192.0.2.1:4711");
  EXPECT_EQ(Read(Header2(0x21, 0x21, kAddresses6 + tlv + tlv)), "[2001:db8::7]:4711");
  // No address is told: the proxy's own checks (LOCAL), unspecified, Unix sockets.
  EXPECT_EQ(Read(Header2(0x20, 0x00, "")), "none");
  EXPECT_EQ(Read(Header2(0x20, 0x11, kAddresses4)), "none");
  EXPECT_EQ(Read(Header2(0x20, 0x55, tlv)), "none");
  EXPECT_EQ(Read(Header2(0x21, 0x00, tlv)), "none");
  EXPECT_EQ(Read(Header2(0x21, 0x31, std::string(216, 'u'))), "none");
  EXPECT_EQ(Read(Header2(0x21, 0x11, std::string(kProxyHeaderBytesMax - 16, 'a'))),
            "97.97.97.97:24929");
}

TEST(ProxyProtocolTest, MalformedVersion2) {
  const std::pair<std::string, const char*> rows[] = {
      {Header2(0x11, 0x11, kAddresses4), "version"},
      {Header2(0x22, 0x11, kAddresses4), "command"},
      {Header2(0x21, 0x12, kAddresses4), "not TCP"},
      {Header2(0x21, 0x41, kAddresses4), "not TCP"},
      {Header2(0x21, 0x11, kAddresses4.substr(1)), "shorter"},
      {Header2(0x21, 0x21, kAddresses6.substr(1)), "shorter"},
      {Header2(0x21, 0x31, std::string(215, 'u')), "shorter"},
      {Header2(0x21, 0x11, std::string(kProxyHeaderBytesMax - 15, 'a')).substr(0, 16), "too long"},
  };
  for (const auto& [bytes, why] : rows) {
    const ProxyHeader header = ReadProxyHeader(bytes);
    EXPECT_EQ(header.state, State::kMalformed) << why;
    EXPECT_NE(std::string(header.why).find(why), std::string::npos) << header.why;
  }
}

}  // namespace
}  // namespace edge
