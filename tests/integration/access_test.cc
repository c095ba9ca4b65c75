// Tests which origins and server names may connect, and what is served to everybody.

#include "tests/integration/access_test.h"

#include <optional>

namespace access_rules {
namespace {

class DefaultAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() { DeployWithEdges({}); }
};

TEST_F(DefaultAccess, APageOfAForeignOriginIsToldSoAndClosedInBothDialects) {
  for (const char* subprotocols : {"", support::kEnvelopedSubprotocol}) {
    const double closed = Closed("forbidden_origin");
    ConnectOptions options = From("https://foreign.example");
    options.subprotocols = subprotocols;
    WebSocketClient client(Port(), options);
    EXPECT_EQ(client.subprotocol(), subprotocols);
    const auto frame = client.ReadFrame();  // not even a welcome comes before
    ASSERT_TRUE(frame && frame->Is(support::Opcode::kClose));
    EXPECT_EQ(frame->CloseCode(), kForbidden);
    EXPECT_NE(frame->CloseReason().find("--allowed_origins"), std::string::npos)
        << frame->CloseReason();
    client.SendClose(kForbidden);
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
    support::Await("the session is counted",
                   [&] { return Closed("forbidden_origin") == closed + 1; });
  }
  const std::string log = deployment().edge(1).process->StderrText();
  EXPECT_NE(log.find("'https://foreign.example'"), std::string::npos) << log;
}

TEST_F(DefaultAccess, APageOfAForeignOriginJoinsNothing) {
  WebSocketClient foreigner(Port(), From("https://foreign.example"));
  foreigner.Join("secret");
  foreigner.Publish("secret", "from the foreigner");
  WebSocketClient member(Port());
  member.JoinAndWait("secret");
  service().MustPublish("secret", "for members");
  EXPECT_EQ(member.ReadMessage(), "for members");
  const auto frame = foreigner.ReadFrame();
  ASSERT_TRUE(frame && frame->Is(support::Opcode::kClose));
  foreigner.SendClose(kForbidden);
  EXPECT_TRUE(foreigner.AwaitEnd());
  EXPECT_EQ(deployment().EdgeMetric("channel_edge_memberships"), 1);
}

TEST_F(DefaultAccess, WhichOriginsStay) {
  const std::string own = "http://127.0.0.1:" + std::to_string(Port());
  EXPECT_EQ(Connect(From(own)), 101);
  EXPECT_EQ(Connect(From("https://localhost:3000")), 101);
  EXPECT_EQ(Connect(From("null")), kForbidden);
  EXPECT_EQ(Connect(From("http://127.0.0.1@foreign.example")), kForbidden);
  EXPECT_EQ(Connect(From("http://127.0.0.1.foreign.example")), kForbidden);
  EXPECT_EQ(Connect(From("127.0.0.1")), kForbidden);
  EXPECT_EQ(Connect(From("http://\xff\xfe")), kForbidden);
}

TEST_F(DefaultAccess, AReboundNameIsMisdirected) {
  for (const char* host : {"evil.test", "evil.test:1234", "127.0.0.1.evil.test"}) {
    const HttpResponse response = Upgrade(host, std::string("Origin: http://") + host + "\r\n");
    EXPECT_EQ(response.status, 421) << host;
    EXPECT_NE(response.body.find("--server_names"), std::string::npos) << response.body;
  }
  EXPECT_EQ(Upgrade("evil.test", "").status, 421);  // browsers always send Origin, others need not
  for (const char* host : {"localhost:1234", "127.0.0.9", "[::1]:1234", "app.localhost"}) {
    EXPECT_EQ(Upgrade(host, "").status, 101) << host;
  }
  const std::string absolute =
      "GET http://evil.test/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  EXPECT_EQ(support::HttpExchange(Port(), absolute).status, 421);
}

TEST_F(DefaultAccess, PagesAreServedUnderAnyName) {
  for (const char* path : {"/", "/channel.js", "/healthz", "/readyz"}) {
    const HttpResponse response = support::HttpExchange(
        Port(), std::string("GET ") + path + " HTTP/1.1\r\nHost: any.test\r\n\r\n");
    EXPECT_EQ(response.status, 200) << path;
    Head(path);
  }
}

// Which file and which encoding is sent: tests/unit/ws_edge/http_parts_test.cc.
TEST_F(DefaultAccess, FilesAreNegotiated) {
  const auto get = [](const std::string& path, const std::string& headers) {
    return support::HttpExchange(
        Port(), "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
  };
  for (const char* path : {"/", "/client/outbox.js", "/page/base.css"}) {
    const HttpResponse whole = get(path, "");
    EXPECT_EQ(whole.Header("cache-control"), "no-cache");
    EXPECT_EQ(whole.Header("x-content-type-options"), "nosniff");
    const std::string etag = whole.Header("etag");
    const HttpResponse held = get(path, "If-None-Match: \"x\", W/" + etag + "\r\n");
    EXPECT_EQ(held.status, 304);
    EXPECT_EQ(held.Header("content-length"), "");
    const HttpResponse packed = get(path, "Accept-Encoding: br, gzip\r\n");
    EXPECT_EQ(packed.Header("content-encoding"), "gzip");
    EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b") << path;
    EXPECT_LT(packed.body.size(), whole.body.size() / 2);
    EXPECT_EQ(packed.Header("content-type"), whole.Header("content-type"));
    const std::string head = Head(path);
    EXPECT_NE(head.find("Content-Length: " + std::to_string(whole.body.size()) + "\r\n"),
              std::string::npos)
        << head;
  }
}

class ReadinessAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() { DeployWithEdges({}); }
};

TEST_F(ReadinessAccess, ReadyzIsOnThePublicPortAndTellsTheReason) {
  EXPECT_EQ(support::HttpGet(Port(), "/readyz").status, 200);
  const double refused = deployment().EdgeMetric("channel_edge_refused_total{status=\"503\"}");
  deployment().service().process->Kill();
  support::Await("the edge is not ready",
                 [] { return support::HttpGet(Port(), "/readyz").status == 503; });
  EXPECT_NE(support::HttpGet(Port(), "/readyz").body.find("channel service"), std::string::npos);
  EXPECT_EQ(support::HttpGet(Port(), "/healthz").status, 200);
  EXPECT_EQ(deployment().EdgeMetric("channel_edge_refused_total{status=\"503\"}"), refused);
  deployment().StartServiceAgain();
  support::Await("the edge is ready",
                 [] { return support::HttpGet(Port(), "/readyz").status == 200; });
}

class ListedAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() {
    DeployWithEdges({"--server_names=chat.example,*.wild.example:8443",
                     "--trusted_proxies=10.0.0.0/8",
                     "--allowed_origins=https://*.Friend.example:443/,null"});
  }
};

TEST_F(ListedAccess, OnlyNamesThatAreListed) {
  EXPECT_EQ(Upgrade("Chat.Example:99", "").status, 101);
  EXPECT_EQ(Upgrade("a.wild.example:8443", "").status, 101);
  EXPECT_EQ(Upgrade("a.wild.example", "").status, 421);
  EXPECT_EQ(Upgrade("evil.test", "").status, 421);
  EXPECT_EQ(Upgrade("localhost", "").status, 101);
  // This peer is no trusted proxy: what it says counts nothing.
  EXPECT_EQ(Upgrade("evil.test", "X-Forwarded-Host: chat.example\r\n").status, 421);
  ConnectOptions options = From("https://chat.example", "chat.example");
  options.headers.emplace_back("X-Forwarded-Proto", "https");
  EXPECT_EQ(Connect(options), kForbidden);
  options = ConnectOptions();
  options.tcp.source_address = "127.0.0.7";
  options.headers = {{"X-Forwarded-For", "6.6.6.6"}};
  WebSocketClient client(Port(), options);
  client.ExpectSilence();
  const std::string lines = support::HttpGet(deployment().edge(1).admin_port, "/connections").body;
  EXPECT_NE(lines.find(" 127.0.0.7:"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("6.6.6.6"), std::string::npos) << lines;
}

TEST_F(ListedAccess, OriginsThatAreListed) {
  EXPECT_EQ(Connect(From("https://www.friend.example")), 101);
  EXPECT_EQ(Connect(From("https://friend.example")), kForbidden);
  EXPECT_EQ(Connect(From("null")), 101);
  EXPECT_EQ(Connect(From("http://chat.example:81", "chat.example:81")), 101);
  EXPECT_EQ(Connect(From("http://chat.example:82", "chat.example:81")), kForbidden);
}

class PlacesOfAnAddress : public AccessTest {
 protected:
  static void SetUpTestSuite() { DeployWithEdges({"--connections_per_address_max=2"}); }

  static ConnectOptions Client(const std::string& address) {
    ConnectOptions options;
    options.headers = {{"X-Forwarded-For", address}};
    return options;
  }
};

TEST_F(PlacesOfAnAddress, SoManySessionsAreOpenedAndNotOneMore) {
  std::optional<WebSocketClient> first(std::in_place, Port(), Client("192.0.2.1"));
  const WebSocketClient second(Port(), Client("192.0.2.1"));
  EXPECT_THROW(WebSocketClient(Port(), Client("192.0.2.1")), support::TestFailure);
  const WebSocketClient of_another(Port(), Client("192.0.2.2"));
  first.reset();
  support::Await("the place is free",
                 [] { return deployment().EdgeMetric("channel_edge_sessions") == 2; });
  const WebSocketClient third(Port(), Client("192.0.2.1"));
}

}  // namespace
}  // namespace access_rules
