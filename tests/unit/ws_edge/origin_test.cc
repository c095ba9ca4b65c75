#include "ws_edge/net/origin.h"

#include <gtest/gtest.h>

#include "channel_service/base/strings.h"

namespace edge {
namespace {

Site MustParseSite(const char* text) {
  const auto site = ParseSite(text);
  EXPECT_TRUE(site.has_value()) << text;
  return site.value_or(Site());
}

TEST(OriginTest, WhichPagesMayConnect) {
  struct Row {
    const char* origin;
    const char* own;
    bool allowed;
  };
  const auto origins = AllowedOrigins::Parse(
      {"https://friend.example", "HTTPS://Port.Example:8443/", "https://*.wild.example",
       "http://default.example:80", "capacitor://app.example", "http://[0:0::5]:80"});
  ASSERT_TRUE(origins.ok()) << origins.status();
  const Row rows[] = {
      {"", "http://a.example:1234", true},
      // The same site: scheme, host and port.
      {"http://a.example:1234", "http://a.example:1234", true},
      {"http://A.Example:1234", "http://a.example:1234", true},
      {"http://a.example", "http://a.example", true},
      {"http://a.example:80", "http://a.example", true},
      {"https://a.example", "https://a.example:443", true},
      {"http://a.example", "http://a.example:1234", false},
      {"http://a.example:1235", "http://a.example:1234", false},
      {"https://a.example", "http://a.example", false},
      {"http://a.example", "https://a.example", false},
      {"https://a.example:1234", "http://a.example:1234", false},
      {"http://[2001:db8::1]", "http://[2001:db8:0::1]", true},
      // Others.
      {"http://b.example", "http://a.example", false},
      {"http://a.example.evil", "http://a.example", false},
      {"http://evil/a.example", "http://a.example", false},
      {"http://evil@a.example", "http://a.example", false},
      {"http://a.example@evil", "http://a.example", false},
      {"http://sub.a.example", "http://a.example", false},
      {"http://a.example http://evil", "http://a.example", false},
      {"a.example", "http://a.example", false},
      {"null", "http://a.example", false},
      {"http://", "http://a.example", false},
      {"garbage", "http://a.example", false},
      // This machine.
      {"http://localhost:3000", "http://127.0.0.1:1234", true},
      {"https://localhost:3000", "http://127.0.0.1:1234", true},
      {"http://[::1]:3000", "http://localhost:1234", true},
      {"http://app.localhost:3000", "http://127.0.0.2:1234", true},
      {"http://127.0.0.1", "http://a.example", false},
      {"http://a.example", "http://127.0.0.1", false},
      {"http://localhost.evil", "http://localhost", false},
      {"http://evillocalhost", "http://localhost", false},
      {"http://127.0.0.1.evil", "http://127.0.0.1", false},
      // Listed.
      {"https://friend.example", "http://a.example", true},
      {"https://friend.example:443", "http://a.example", true},
      {"http://friend.example", "http://a.example", false},
      {"https://friend.example:444", "http://a.example", false},
      {"https://friend.example.evil", "http://a.example", false},
      {"https://port.example:8443", "http://a.example", true},
      {"https://port.example", "http://a.example", false},
      {"https://x.wild.example", "http://a.example", true},
      {"https://x.y.wild.example", "http://a.example", true},
      {"https://wild.example", "http://a.example", false},
      {"https://.wild.example", "http://a.example", false},
      {"https://evilwild.example", "http://a.example", false},
      {"http://x.wild.example", "http://a.example", false},
      {"http://default.example", "http://a.example", true},
      {"capacitor://app.example", "http://a.example", true},
      {"http://[::5]", "http://a.example", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(origins->Allows(row.origin, MustParseSite(row.own)), row.allowed)
        << row.origin << " to " << row.own;
  }
}

TEST(OriginTest, NullAndAllAreSaidExpressly) {
  const Site own = MustParseSite("http://a.example");
  EXPECT_TRUE(AllowedOrigins::Parse({"null"})->Allows("null", own));
  EXPECT_FALSE(AllowedOrigins::Parse({"null"})->Allows("http://b.example", own));
  EXPECT_TRUE(AllowedOrigins::Parse({"*"})->Allows("null", own));
  EXPECT_TRUE(AllowedOrigins::Parse({"*"})->Allows("http://b.example", own));
}

TEST(OriginTest, EntriesThatMatchNoPageAreRefused) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "it is empty"},
      {"a.example", "scheme"},
      {"//a.example", "scheme"},
      {"://a.example", "scheme"},
      {"1http://a.example", "scheme"},
      {"https:a.example", "scheme"},
      {" https://a.example", "space"},
      {"https://a.example ", "space"},
      {"https://a .example", "space"},
      {"https://a.example/chat", "path"},
      {"https://a.example//", "path"},
      {"https://a.example?x", "path"},
      {"https://a.example#x", "path"},
      {"https://user@a.example", "user"},
      {"wss://a.example", "wss://"},
      {"ws://a.example", "ws://"},
      {"https://", "no host"},
      {"https:///", "no host"},
      {"https://a.example:", "port"},
      {"https://a.example:0", "port"},
      {"https://a.example:65536", "port"},
      {"https://a.example:https", "port"},
      {"https://a.example:1:2", "port"},
      {"https://[::1", "no host"},
      {"https://[evil]", "no host"},
      {"https://256.1.1.1", "no host"},
      {"https://1.2.3", "no host"},
      {"https://b\xc3\xbc"
       "cher.example",
       "xn--"},
      {"https://a..example", "no host"},
      {"https://*", "stands only"},
      {"https://*.", "stands only"},
      {"https://*:8443", "stands only"},
      {"https://a.*.example", "stands only"},
      {"https://a*.example", "stands only"},
      {"https://*.*.example", "stands only"},
      {"https://a.example:*", "stands only"},
      {"https://*.127.0.0.1", "stands only"},
      {"*://a.example", "scheme"},
      {"*.example", "scheme"},
      {"**", "scheme"},
      {"Null", "scheme"},
  };
  for (const auto& [entry, why] : rows) {
    const auto origins = AllowedOrigins::Parse({"https://good.example", entry});
    ASSERT_FALSE(origins.ok()) << entry;
    const std::string message(channel::MessageOf(origins.status()));
    EXPECT_NE(message.find(std::string("'") + entry + "'"), std::string::npos) << message;
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_NE(message.find("--allowed_origins"), std::string::npos) << message;
  }
}

TEST(ServerNamesTest, WhichNamesAreTheServers) {
  const auto names = ServerNames::Parse(
      {"a.example", "B.example:8443", "*.wild.example", "192.0.2.1", "[2001::1]"});
  ASSERT_TRUE(names.ok()) << names.status();
  const std::pair<const char*, bool> rows[] = {
      {"http://a.example", true},        {"https://a.example:9", true},
      {"http://b.example:8443", true},   {"http://b.example", false},
      {"http://x.wild.example:1", true}, {"http://wild.example", false},
      {"http://192.0.2.1:1234", true},   {"http://192.0.2.2:1234", false},
      {"http://[2001:0::1]:1", true},    {"http://evil.test", false},
      {"http://a.example.evil", false},  {"http://localhost:1234", true},
      {"http://127.0.0.1:1234", true},   {"http://[::1]", true},
  };
  for (const auto& [site, known] : rows) {
    EXPECT_EQ(names->Contain(MustParseSite(site)), known) << site;
  }
  // The default port of the scheme is a port, too.
  const auto port = ServerNames::Parse({"a.example:443"});
  EXPECT_TRUE(port->Contain(MustParseSite("https://a.example")));
  EXPECT_FALSE(port->Contain(MustParseSite("http://a.example")));
  EXPECT_TRUE(ServerNames::Parse({"*"})->Contain(MustParseSite("http://evil.test")));
  EXPECT_FALSE(ServerNames::Parse({"*"})->empty());
  EXPECT_TRUE(ServerNames::Parse({})->empty());
}

TEST(ServerNamesTest, EntriesThatAreNoNamesAreRefused) {
  for (const char* entry : {"", "http://a.example", "a.example/", "a example", "a.example:0",
                            "a.example:x", "*.*.example", "*:80", "a.*", "[::1", "a.example:"}) {
    const auto names = ServerNames::Parse({entry});
    ASSERT_FALSE(names.ok()) << entry;
    EXPECT_NE(channel::MessageOf(names.status()).find("--server_names"), std::string::npos);
  }
}

TEST(HostNameTest, LoopbackNames) {
  for (const char* host : {"localhost", "localhost.", "a.localhost", "127.0.0.1", "127.255.0.9",
                           "[::1]", "[::ffff:127.0.0.1]"}) {
    EXPECT_TRUE(channel::IsLoopbackName(host)) << host;
  }
  for (const char* host : {"", "localhost.evil", "xlocalhost", ".localhost", "128.0.0.1", "0.0.0.0",
                           "[::2]", "[::]", "127.0.0.1.evil", "[::ffff:10.0.0.1]"}) {
    EXPECT_FALSE(channel::IsLoopbackName(host)) << host;
  }
}

}  // namespace
}  // namespace edge
