#include "ws_edge/net/forwarded.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "channel_service/base/strings.h"

namespace edge {
namespace {

AddressRanges Trusted(const std::vector<std::string>& entries) {
  const auto ranges = AddressRanges::Parse("--trusted_proxies", entries);
  EXPECT_TRUE(ranges.ok()) << ranges.status();
  return *ranges;
}

// "client client_port scheme host", "-" for what is not told; "refused: …" with the words.
std::string Read(const ForwardedHeaders& headers) {
  const auto result = ReadForwarded(headers, Trusted({"10.0.0.0/8", "::1", "127.0.0.0/8"}));
  if (!result.ok()) return "refused: " + std::string(channel::MessageOf(result.status()));
  std::string host = "-";
  if (result->host) host = result->host->host;
  if (result->host && result->host->port) host += ":" + std::to_string(*result->host->port);
  return fmt::format("{} {} {} {}", result->client ? result->client->to_string() : "-",
                     result->client_port, result->scheme.empty() ? "-" : result->scheme, host);
}

TEST(ForwardedTest, StandardHeader) {
  const std::pair<const char*, const char*> rows[] = {
      {"for=192.0.2.1", "192.0.2.1 0 - -"},
      {"For=\"192.0.2.1:4711\";Proto=HTTPS;Host=\"Chat.Example:8443\"",
       "192.0.2.1 4711 https chat.example:8443"},
      {"for=192.0.2.1:4711", "192.0.2.1 4711 - -"},
      {"for=\"[2001:db8::7]:80\"", "2001:db8::7 80 - -"},
      {"for=\"[2001:db8::7]\"", "2001:db8::7 0 - -"},
      {"for=[2001:db8::7]", "2001:db8::7 0 - -"},
      {"for=\"[::ffff:192.0.2.1]\"", "192.0.2.1 0 - -"},
      {"for=\"192.0.2.1:_port\"", "192.0.2.1 0 - -"},
      {"for=192.0.2.1;by=203.0.113.1;secret=x;proto=wss", "192.0.2.1 0 https -"},
      {" for=192.0.2.1 ; proto=http ;", "192.0.2.1 0 http -"},
      {"proto=https;host=a.example", "- 0 https a.example"},
      {"for=\"1\\92.0.2.1\"", "192.0.2.1 0 - -"},
      // Only what trusted proxies have added is believed.
      {"for=6.6.6.6, for=192.0.2.1", "192.0.2.1 0 - -"},
      {"for=6.6.6.6;host=evil.test, for=192.0.2.1;host=a.example", "192.0.2.1 0 - a.example"},
      {"for=6.6.6.6, for=192.0.2.1, for=10.0.0.2", "192.0.2.1 0 - -"},
      {"for=192.0.2.1;host=a.example;proto=https, for=10.0.0.2;host=inner;proto=http",
       "192.0.2.1 0 https a.example"},
      {"for=192.0.2.1, for=10.0.0.2;host=a.example;proto=https", "192.0.2.1 0 https a.example"},
      {"for=10.0.0.3, for=10.0.0.2", "10.0.0.3 0 - -"},
      // Names for what is not to be known end it.
      {"for=192.0.2.1, for=unknown, for=10.0.0.2", "10.0.0.2 0 - -"},
      {"for=_hidden", "- 0 - -"},
      {"for=6.6.6.6, for=garbage", "- 0 - -"},
      {"for=\"fe80::1%eth0\"", "- 0 - -"},
  };
  for (const auto& [header, expected] : rows) {
    EXPECT_EQ(Read({header, "", "", ""}), expected) << header;
  }
}

TEST(ForwardedTest, BrokenStandardHeaderIsRefused) {
  for (const char* header :
       {"192.0.2.1", "for", "for=", "=192.0.2.1", "for=\"192.0.2.1", "for=\"192.0.2.1\\",
        "for=192.0.2.1 proto=https", "for=192.0.2.1;for=192.0.2.2", "for=a=b", "for=192.0.2.1,\x01",
        "for =192.0.2.1", "for= 192.0.2.1", "for=\"evil, for=192.0.2.1"}) {
    const std::string answer = Read({header, "", "", ""});
    EXPECT_EQ(answer.rfind("refused: the header Forwarded is bad", 0), 0u) << header << answer;
  }
  EXPECT_NE(Read({"proto=gopher", "", "", ""}).find("neither http nor https"), std::string::npos);
  EXPECT_NE(Read({"host=\"a b\"", "", "", ""}).find("no host: 'a b'"), std::string::npos);
}

TEST(ForwardedTest, XHeaders) {
  struct Row {
    const char* x_for;
    const char* x_host;
    const char* x_proto;
    const char* expected;
  };
  const Row rows[] = {
      {"192.0.2.1", "", "", "192.0.2.1 0 - -"},
      {"192.0.2.1:99", "", "", "192.0.2.1 99 - -"},
      {"2001:db8::7", "", "", "2001:db8::7 0 - -"},
      {"[2001:db8::7]:99", "", "", "2001:db8::7 99 - -"},
      {"6.6.6.6, 192.0.2.1", "", "", "192.0.2.1 0 - -"},
      {"6.6.6.6,192.0.2.1 ,, 10.0.0.2", "", "", "192.0.2.1 0 - -"},
      {"10.0.0.3, 10.0.0.2", "", "", "10.0.0.3 0 - -"},
      {"192.0.2.1, garbage", "", "", "- 0 - -"},
      {"192.0.2.1, unknown, 10.0.0.2", "", "", "10.0.0.2 0 - -"},
      {"[192.0.2.1]", "", "", "- 0 - -"},
      {"192.0.2.1/24", "", "", "- 0 - -"},
      {",", "", "", "- 0 - -"},
      {"", "a.example", "https", "- 0 https a.example"},
      {"", "a.example:8443", "WSS", "- 0 https a.example:8443"},
      // A list in step with the addresses, and a single value.
      {"192.0.2.1", "evil.test, a.example", "http, https", "192.0.2.1 0 https a.example"},
      {"192.0.2.1, 10.0.0.2", "a.example, inner", "https, http", "192.0.2.1 0 https a.example"},
      {"192.0.2.1, 10.0.0.2", "a.example", "https", "192.0.2.1 0 https a.example"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Read({"", row.x_for, row.x_host, row.x_proto}), row.expected)
        << row.x_for << "; " << row.x_host << "; " << row.x_proto;
  }
  EXPECT_EQ(Read({"", "", "a/b", ""}),
            "refused: the header X-Forwarded-Host is bad: no host: 'a/b'");
  EXPECT_EQ(Read({"", "", "", "x\x01"}),
            "refused: the header X-Forwarded-Proto is bad: neither http nor https: 'x\\x01'");
}

TEST(ForwardedTest, BothKindsOfHeadersMustAgree) {
  EXPECT_EQ(Read({"for=192.0.2.1;proto=https", "192.0.2.1", "a.example", "https"}),
            "192.0.2.1 0 https a.example");
  EXPECT_EQ(Read({"proto=https", "192.0.2.1", "", ""}), "192.0.2.1 0 https -");
  for (const auto& headers : {ForwardedHeaders{"for=6.6.6.6", "192.0.2.1", "", ""},
                              ForwardedHeaders{"host=evil.test", "", "a.example", ""},
                              ForwardedHeaders{"proto=http", "", "", "https"}}) {
    EXPECT_NE(Read(headers).find("contradict each other"), std::string::npos) << headers.forwarded;
  }
}

TEST(AddressRangesTest, WhatIsInARange) {
  const AddressRanges ranges =
      Trusted({"10.1.0.0/20", "192.0.2.7", "2001:db8::/33", "::ffff:172.16.0.0/108"});
  const auto contains = [&](const char* address) {
    return ranges.Contain(boost::asio::ip::make_address(address));
  };
  for (const char* address : {"10.1.0.0", "10.1.15.255", "::ffff:10.1.3.4", "192.0.2.7",
                              "2001:db8:7fff::1", "172.31.255.255"}) {
    EXPECT_TRUE(contains(address)) << address;
  }
  for (const char* address : {"10.1.16.0", "10.0.255.255", "192.0.2.6", "2001:db8:8000::1", "::1",
                              "172.32.0.0", "0.0.0.0"}) {
    EXPECT_FALSE(contains(address)) << address;
  }
  EXPECT_TRUE(Trusted({"0.0.0.0/0"}).Contain(boost::asio::ip::make_address("8.8.8.8")));
  EXPECT_FALSE(Trusted({"0.0.0.0/0"}).Contain(boost::asio::ip::make_address("::8")));
  EXPECT_FALSE(Trusted({}).Contain(boost::asio::ip::make_address("127.0.0.1")));
}

TEST(AddressRangesTest, WhatIsNoRangeIsRefused) {
  for (const char* entry :
       {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "localhost",
        "2001:db8::/129", " 10.0.0.0/8", "fe80::1%1/64", "10.0.0.0/8 ", "::ffff:10.0.0.0/8"}) {
    const auto ranges = AddressRanges::Parse("--trusted_proxies", {entry});
    ASSERT_FALSE(ranges.ok()) << entry;
    EXPECT_EQ(channel::MessageOf(ranges.status()).rfind("--trusted_proxies: '", 0), 0u);
  }
}

}  // namespace
}  // namespace edge
