// The pure parts of the edge's HTTP: checks of an upgrade, choice of a file's encoding, refusal
// log.
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "ws_edge/net/file_answer.h"
#include "ws_edge/net/refusal_log.h"
#include "ws_edge/net/upgrade_checks.h"

namespace edge {
namespace {

namespace http = boost::beast::http;

// A good upgrade request.
channel::HttpRequest Upgrading() {
  channel::HttpRequest request{http::verb::get, "/", 11};
  request.set("Host", "a.example");
  request.set("Upgrade", "websocket");
  request.set("Connection", "Upgrade");
  request.set("Sec-WebSocket-Version", "13");
  request.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  return request;
}

TEST(UpgradeChecksTest, AnUpgradeIsAskedForInBothHeaders) {
  EXPECT_TRUE(AsksForUpgrade(Upgrading()));
  EXPECT_FALSE(CheckUpgrade(Upgrading()).has_value());
  channel::HttpRequest request = Upgrading();
  request.erase("Upgrade");
  EXPECT_FALSE(AsksForUpgrade(request));
  request.set("Upgrade", "h2c");
  EXPECT_FALSE(AsksForUpgrade(request));
  request.set("Upgrade", "h2c, WebSocket");
  EXPECT_TRUE(AsksForUpgrade(request));
  request.erase("Connection");
  EXPECT_FALSE(AsksForUpgrade(request));
}

TEST(UpgradeChecksTest, BadUpgradesAreRefusedInWords) {
  struct Row {
    const char* header;
    const char* value;  // instead of the good one; null: without it
    const char* why;
  };
  const Row rows[] = {
      {"Connection", nullptr, "'Connection: Upgrade' is missing"},
      {"Upgrade", nullptr, "'Upgrade: websocket' is missing"},
      {"Host", "", "'Host' is missing"},
      {"Sec-WebSocket-Version", nullptr, "must be 13"},
      {"Sec-WebSocket-Version", "8", "must be 13"},
      {"Sec-WebSocket-Key", nullptr, "16 bytes in base64"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=", "16 bytes in base64"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ===", "16 bytes in base64"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQA=", "16 bytes in base64"},
      {"Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!==", "16 bytes in base64"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j-_==", "16 bytes in base64"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBs=SBub25jZQ==", "16 bytes in base64"},
      {"Transfer-Encoding", "chunked", "no body"},
      {"Transfer-Encoding", "identity", "no body"},
      {"Content-Length", "1", "no body"},
      {"Content-Length", "00x", "no body"},
  };
  for (const Row& row : rows) {
    channel::HttpRequest request = Upgrading();
    request.erase(row.header);
    if (row.value != nullptr) request.set(row.header, row.value);
    const auto refusal = CheckUpgrade(request);
    ASSERT_TRUE(refusal.has_value()) << row.header << ": " << (row.value ? row.value : "-");
    EXPECT_NE(refusal->why.find(row.why), std::string::npos) << refusal->why;
  }
  channel::HttpRequest request = Upgrading();
  request.set("Content-Length", "0");
  EXPECT_FALSE(CheckUpgrade(request).has_value());
  for (const char* header : {"Sec-WebSocket-Key", "Origin"}) {
    request = Upgrading();
    request.set(header, "dGhlIHNhbXBsZSBub25jZQ==");
    request.insert(header, "dGhlIHNhbXBsZSBub25jZQ==");
    EXPECT_TRUE(CheckUpgrade(request).has_value()) << header;
  }
}

TEST(UpgradeChecksTest, ABadSubprotocolDoesNotHideOthers) {
  const std::pair<const char*, bool> rows[] = {
      {"channel.v1.json", true},
      {"a, channel.v1.json", true},
      {"bad token, channel.v1.json", true},
      {"\"x\"; , channel.v1.json, y", true},
      {"(@), channel.v1.json", true},
      {"channel.v1.jsonx", false},
      {"Channel.v1.json", false},
      {"channel.v1 .json", false},
      {"", false},
  };
  for (const auto& [offered, expected] : rows) {
    channel::HttpRequest request = Upgrading();
    request.set("Sec-WebSocket-Protocol", offered);
    EXPECT_EQ(OffersSubprotocol(request, "channel.v1.json"), expected) << offered;
  }
}

TEST(WebFileTest, GzipIsSentToWhomItIsWelcome) {
  const std::pair<const char*, bool> rows[] = {
      {"", false},
      {"gzip", true},
      {"GZip", true},
      {"x-gzip", true},
      {"gzip, deflate, br, zstd", true},
      {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
      {"*", true},
      {"gzip;q=0", false},
      {"gzip ; q=0.000", false},
      {"gzip;q=0, *", false},
      {"*;q=0", false},
      {"*;q=0, gzip", true},
      {"identity", false},
      {"gzip;q=0.5, identity;q=0.9", false},
      {"gzip;q=0.9, identity;q=0.5", true},
      {"gzip;q=0.001", true},
      {"gzip;q=1.001", false},
      {"gzip;q=2", false},
      {"gzip;q=x", false},
      {"gzip;q=", false},
      {"gzip;level=9", false},
      {"gzippy", false},
      {"deflate", false},
  };
  for (const auto& [header, expected] : rows) EXPECT_EQ(WantsGzip(header), expected) << header;
}

TEST(WebFileTest, EntityTags) {
  EXPECT_TRUE(NamesEtag("\"a\"", "\"a\""));
  EXPECT_TRUE(NamesEtag("\"b\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(NamesEtag("*", "\"a\""));
  for (const char* other : {"", "\"b\"", "a", "\"a-gzip\"", "w/\"a\""}) {
    EXPECT_FALSE(NamesEtag(other, "\"a\"")) << other;
  }
}

TEST(HttpAnswerTest, EachEncodingHasItsOwnTagAndIsAnsweredWith304) {
  const WebFile file{"text/plain", "hash", "content", "packed"};
  channel::HttpRequest request;
  EXPECT_EQ(FileAnswer(file, request).body(), "content");
  EXPECT_EQ(FileAnswer(file, request)["ETag"], "\"hash\"");
  EXPECT_EQ(FileAnswer(file, request)["Vary"], "Accept-Encoding");
  request.set("If-None-Match", "\"hash\"");
  EXPECT_EQ(FileAnswer(file, request).result(), http::status::not_modified);
  request.set("Accept-Encoding", "gzip");
  const channel::HttpResponse packed = FileAnswer(file, request);
  EXPECT_EQ(packed.result(), http::status::ok);  // it has the other one
  EXPECT_EQ(packed.body(), "packed");
  EXPECT_EQ(packed["Content-Encoding"], "gzip");
  EXPECT_EQ(packed["ETag"], "\"hash-gzip\"");
  request.set("If-None-Match", "W/\"hash-gzip\"");
  const channel::HttpResponse held = FileAnswer(file, request);
  EXPECT_EQ(held.result(), http::status::not_modified);
  EXPECT_EQ(held.body(), "");
  EXPECT_EQ(held["Vary"], "Accept-Encoding");
  EXPECT_EQ(held["Access-Control-Allow-Origin"], "*");
  const WebFile small{"text/plain", "hash", "content", {}};
  EXPECT_EQ(FileAnswer(small, request).count("Content-Encoding"), 0u);
}

TEST(RefusalLogTest, OneLineInAnInterval) {
  using Kind = RefusalLog::Kind;
  channel::test::FakeClock clock;
  std::vector<std::string> lines;
  RefusalLog log(clock, [&](std::string_view line) { lines.emplace_back(line); });
  const auto take = [&] { return std::exchange(lines, {}); };
  const auto tick = [&](std::chrono::milliseconds time) {
    clock.Step(time);
    log.OnTick();
  };
  log.Add(Kind::kOrigin, "a");
  EXPECT_EQ(take(), std::vector<std::string>{"a"});
  for (const char* what : {"b", "c", "d"}) log.Add(Kind::kOrigin, what);
  log.Add(Kind::kHost, "another kind");
  EXPECT_EQ(take(), std::vector<std::string>{"another kind"});
  tick(kRefusalLogInterval - std::chrono::milliseconds(1));
  EXPECT_EQ(take(), std::vector<std::string>{});
  tick(std::chrono::milliseconds(1));
  EXPECT_EQ(take(), std::vector<std::string>{"3 more like this within 10 s, the last: d"});
  log.Add(Kind::kOrigin, "e");
  tick(kRefusalLogInterval);
  EXPECT_EQ(take(), std::vector<std::string>{"1 more like this within 10 s, the last: e"});
  tick(kRefusalLogInterval);
  log.Add(Kind::kOrigin, "f");
  EXPECT_EQ(take(), std::vector<std::string>{"f"});
}

}  // namespace
}  // namespace edge
