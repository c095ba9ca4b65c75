// Headers, target and host of a request.
#include "channel_service/http/request.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

namespace http = boost::beast::http;

TEST(HttpTextTest, ListsOverSeveralHeadersHoldTheirTokens) {
  HttpRequest request;
  request.insert("Connection", "keep-alive");
  request.insert("Connection", "bad token \"(, ,UPGRADE ,x");
  EXPECT_TRUE(HeaderLists(request, "connection", "upgrade"));
  EXPECT_TRUE(HeaderLists(request, "Connection", "Keep-Alive"));
  EXPECT_FALSE(HeaderLists(request, "Connection", "upgrad"));
  EXPECT_FALSE(HeaderLists(request, "Upgrade", "websocket"));
  EXPECT_EQ(HeaderCount(request, "Connection"), 2u);
}

TEST(RequestTest, Targets) {
  const auto path = [](const char* target) {
    const auto parsed = ParseTarget(target);
    return parsed ? parsed->path : "none";
  };
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("/a/b?c=/d://e"), "/a/b");
  EXPECT_EQ(path("/http://x"), "/http://x");
  EXPECT_EQ(path("http://a.example"), "/");
  EXPECT_EQ(path("HTTP://a.example?x"), "/");
  EXPECT_EQ(path("wss://a.example:1/b?c"), "/b");
  EXPECT_EQ(ParseTarget("http://A.example:81/b")->address, (Authority{"a.example", 81}));
  EXPECT_EQ(ParseTarget("/b")->address, std::nullopt);
  for (const char* bad : {"", "*", "a.example:443", "?x", "ftp://a/", "http://", "http:///x",
                          "http://user@a/", "http://a:0/"}) {
    EXPECT_EQ(path(bad), "none") << bad;
  }
}

TEST(RequestTest, HostStandsThereOnce) {
  std::optional<Authority> host;
  HttpRequest request{http::verb::get, "/", 11};
  EXPECT_NE(CheckHost(request, &host)->why.find("missing"), std::string::npos);
  request.version(10);
  EXPECT_FALSE(CheckHost(request, &host).has_value());
  EXPECT_FALSE(host.has_value());
  request.version(11);
  request.set("Host", "A.example:81");
  EXPECT_FALSE(CheckHost(request, &host).has_value());
  EXPECT_EQ(host, (Authority{"a.example", 81}));
  request.insert("Host", "A.example:81");
  EXPECT_NE(CheckHost(request, &host)->why.find("more than once"), std::string::npos);
  for (const char* bad : {"a b", "a,b", "a/b", "user@a", "a:b", "[::1", "a:99999"}) {
    request.set("Host", bad);
    EXPECT_TRUE(CheckHost(request, &host).has_value()) << bad;
  }
  request.set("Host", "");  // RFC 9112: what a client sends that asked for no host
  EXPECT_FALSE(CheckHost(request, &host).has_value());
}

}  // namespace
}  // namespace channel
