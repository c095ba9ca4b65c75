// Who may connect, and whom an edge takes a client for: origins, names of the server, proxies in
// front.

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::ConnectOptions;
using support::Deployment;
using support::HttpResponse;
using support::WebSocketClient;

constexpr int kForbidden = 4507;

// One deployment for each set of flags, kept for all tests of a suite.
class AccessTest : public ::testing::Test {
 protected:
  static void StartWith(std::vector<std::string> edge_flags) {
    support::DeploymentOptions options;
    options.edge_flags = std::move(edge_flags);
    deployment_ = new Deployment(options);
  }
  static void TearDownTestSuite() { delete std::exchange(deployment_, nullptr); }

  static std::uint16_t Port() { return deployment_->edge_port(); }

  static double Closed(const std::string& reason) {
    return deployment_->EdgeMetric("channel_edge_sessions_closed_total{reason=\"" + reason + "\"}");
  }

  // The answer to an upgrade with these headers.
  static HttpResponse Upgrade(const std::string& host, const std::string& headers,
                              const std::string& before = "") {
    return support::HttpExchange(
        Port(), before + support::UpgradeRequestHead("/", host) + headers + "\r\n");
  }

  // The line of /connections of this client: its second word must be the address.
  static void ExpectKnownAs(const std::string& address, const ConnectOptions& options) {
    WebSocketClient client(Port(), options);
    client.ExpectSilence();
    const std::string lines =
        support::HttpGet(deployment_->edge(1).admin_port, "/connections").body;
    EXPECT_NE(lines.find(" " + address + " plain "), std::string::npos) << lines;
  }

  // All that comes back to HEAD: it must be a head alone.
  static std::string Head(const std::string& path) {
    support::TcpConnection connection(Port());
    connection.Send("HEAD " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    std::string answer;
    while (connection.Receive(answer)) {
    }
    EXPECT_EQ(answer.rfind("HTTP/1.1 200 OK\r\n", 0), 0u) << answer;
    EXPECT_EQ(answer.find("\r\n\r\n"), answer.size() - 4) << answer;
    return answer;
  }

  // What became of a page of this origin: 101 if it stays, or the code of the close frame.
  static int Connect(const ConnectOptions& options, std::string* reason = nullptr) {
    WebSocketClient client(Port(), options);
    // It is told apart by the next frame: the answer to this, or the close frame.
    client.SendText("nonsense");
    const auto frame = client.ReadFrame();
    if (!frame || !frame->Is(support::Opcode::kClose)) return 101;
    if (reason != nullptr) *reason = frame->CloseReason();
    return frame->CloseCode();
  }

  static ConnectOptions From(const std::string& origin, const std::string& host = "") {
    ConnectOptions options;
    options.host = host;
    options.headers = {{"Origin", origin}};
    return options;
  }

  static inline Deployment* deployment_ = nullptr;
};

class DefaultAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() { StartWith({}); }
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
    EXPECT_TRUE(client.AwaitEnd());
    support::Await("the session is counted",
                   [&] { return Closed("forbidden_origin") == closed + 1; });
  }
  const std::string log = deployment_->edge(1).process->StderrText();
  EXPECT_NE(log.find("'https://foreign.example'"), std::string::npos) << log;
}

TEST_F(DefaultAccess, APageOfAForeignOriginJoinsNothing) {
  support::ServiceClient service(deployment_->service_port());
  WebSocketClient foreigner(Port(), From("https://foreign.example"));
  foreigner.Join("secret");
  foreigner.Publish("secret", "from the foreigner");
  WebSocketClient member(Port());
  member.JoinAndWait("secret");
  service.MustPublish("secret", "for members");
  EXPECT_EQ(member.ReadMessage(), "for members");
  const auto frame = foreigner.ReadFrame();
  ASSERT_TRUE(frame && frame->Is(support::Opcode::kClose));
  foreigner.SendClose(kForbidden);
  EXPECT_TRUE(foreigner.AwaitEnd());
  EXPECT_EQ(deployment_->EdgeMetric("channel_edge_memberships"), 1);
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

// nginx's documented example sends its upstream's name as Host.
TEST_F(DefaultAccess, AProxyTellsHostSchemeAndClient) {
  ConnectOptions options = From("https://chat.example", "backend");
  EXPECT_EQ(Upgrade("backend", "Origin: https://chat.example\r\n").status, 421);
  options.headers.emplace_back("X-Forwarded-Host", "chat.example");
  options.headers.emplace_back("X-Forwarded-Proto", "https");
  options.headers.emplace_back("X-Forwarded-For", "6.6.6.6, 203.0.113.7");
  EXPECT_EQ(Connect(options), 101);
  ExpectKnownAs("203.0.113.7", options);
  options.headers[0].second = "http://chat.example";  // an attacker's page in the same network
  EXPECT_EQ(Connect(options), kForbidden);

  options = From("https://chat.example:8443", "backend");
  options.headers.emplace_back(
      "Forwarded",
      "for=6.6.6.6, for=\"[2001:db8::7]:4711\";host=\"chat.example:8443\";proto=https");
  EXPECT_EQ(Connect(options), 101);
  ExpectKnownAs("[2001:db8::7]:4711", options);
  options = From("http://foreign.example", "foreign.example");
  options.headers.emplace_back("X-Forwarded-For", "203.0.113.7");
  EXPECT_EQ(Connect(options), 101);  // through a proxy that is reached under this name
}

TEST_F(DefaultAccess, WhatAProxyGarblesIsRefusedInWords) {
  const std::pair<const char*, const char*> rows[] = {
      {"Forwarded: for=\"192.0.2.1\r\n", "RFC 7239"},
      {"X-Forwarded-Host: a b\r\n", "X-Forwarded-Host"},
      {"X-Forwarded-Proto: gopher\r\n", "X-Forwarded-Proto"},
      {"X-Forwarded-For: 192.0.2.1\r\nForwarded: for=6.6.6.6\r\n", "contradict"},
  };
  for (const auto& [headers, words] : rows) {
    const HttpResponse response = Upgrade("127.0.0.1", headers);
    EXPECT_EQ(response.status, 400) << headers;
    EXPECT_NE(response.body.find(words), std::string::npos) << response.body;
  }
  EXPECT_EQ(Upgrade("127.0.0.1", "X-Forwarded-For: garbage\r\n").status, 101);
}

TEST_F(DefaultAccess, FilesAreNegotiated) {
  const auto get = [](const std::string& path, const std::string& headers) {
    return support::HttpExchange(
        Port(), "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
  };
  for (const char* path : {"/", "/channel.js", "/chat.css"}) {
    const HttpResponse whole = get(path, "");
    EXPECT_EQ(whole.Header("content-encoding"), "");
    EXPECT_EQ(whole.Header("access-control-allow-origin"), "*");
    EXPECT_EQ(whole.Header("cache-control"), "no-cache");
    EXPECT_EQ(whole.Header("vary"), "Accept-Encoding");
    EXPECT_EQ(whole.Header("x-content-type-options"), "nosniff");
    const std::string etag = whole.Header("etag");
    EXPECT_EQ(etag.front(), '"') << etag;
    const HttpResponse held = get(path, "If-None-Match: \"x\", W/" + etag + "\r\n");
    EXPECT_EQ(held.status, 304);
    EXPECT_EQ(held.Header("etag"), etag);
    EXPECT_EQ(held.Header("content-length"), "");

    const HttpResponse packed = get(path, "Accept-Encoding: br, gzip\r\n");
    EXPECT_EQ(packed.status, 200);
    EXPECT_EQ(packed.Header("content-encoding"), "gzip");
    EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b") << path;
    EXPECT_LT(packed.body.size(), whole.body.size() / 2);
    EXPECT_NE(packed.Header("etag"), etag);
    EXPECT_EQ(packed.Header("content-type"), whole.Header("content-type"));
    EXPECT_EQ(get(path, "Accept-Encoding: gzip;q=0, *\r\n").body, whole.body);

    const std::string head = Head(path);
    EXPECT_NE(head.find("Content-Length: " + std::to_string(whole.body.size()) + "\r\n"),
              std::string::npos)
        << head;
  }
}

class ReadinessAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() { StartWith({}); }
};

TEST_F(ReadinessAccess, ReadyzIsOnThePublicPortAndTellsTheReason) {
  EXPECT_EQ(support::HttpGet(Port(), "/readyz").status, 200);
  const double refused = deployment_->EdgeMetric("channel_edge_refused_total{status=\"503\"}");
  deployment_->service().process->Kill();
  support::Await("the edge is not ready",
                 [] { return support::HttpGet(Port(), "/readyz").status == 503; });
  EXPECT_NE(support::HttpGet(Port(), "/readyz").body.find("channel service"), std::string::npos);
  EXPECT_EQ(support::HttpGet(Port(), "/healthz").status, 200);
  EXPECT_EQ(deployment_->EdgeMetric("channel_edge_refused_total{status=\"503\"}"), refused);
  deployment_->StartServiceAgain();
  support::Await("the edge is ready",
                 [] { return support::HttpGet(Port(), "/readyz").status == 200; });
}

class ListedAccess : public AccessTest {
 protected:
  static void SetUpTestSuite() {
    StartWith({"--server_names=chat.example,*.wild.example:8443", "--trusted_proxies=10.0.0.0/8",
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
  const std::string lines = support::HttpGet(deployment_->edge(1).admin_port, "/connections").body;
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

class ProxyProtocol : public AccessTest {
 protected:
  static void SetUpTestSuite() {
    StartWith(
        {"--proxy_protocol", "--upgrade_timeout=2s", "--trusted_proxies=127.0.0.1,10.0.0.0/8"});
  }

  static std::string Local2() { return std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16); }

  static ConnectOptions Behind(const std::string& header) {
    ConnectOptions options;
    options.before = header;
    return options;
  }

  // Nothing is answered: the edge closes the connection, and counts it.
  static void ExpectClosed(const std::string& bytes, const std::string& source = "") {
    const char* const kRefused = "channel_edge_refused_total{status=\"proxy_protocol\"}";
    const double refused = deployment_->EdgeMetric(kRefused);
    support::TcpOptions options;
    options.source_address = source;
    support::TcpConnection connection(Port(), options);
    connection.SendWhileItMoves(bytes, support::kPatience);
    std::string answer;
    EXPECT_FALSE(connection.Receive(answer)) << answer;
    EXPECT_EQ(deployment_->EdgeMetric(kRefused), refused + 1);
  }
};

TEST_F(ProxyProtocol, TheClientIsTheOneThatTheProxyTells) {
  ExpectKnownAs("203.0.113.7:4711", Behind("PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n"));
  ExpectKnownAs("[2001:db8::7]:4711", Behind("PROXY TCP6 2001:db8::7 ::1 4711 443\r\n"));
  const std::string head("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12", 16);
  const std::string addresses("\xcb\x00\x71\x08\x0a\0\0\x01\x12\x67\x01\xbb", 12);
  const std::string tlv("\x04\0\x03zzz", 6);
  ExpectKnownAs("203.0.113.8:4711", Behind(head + addresses + tlv));
  // A trusted proxy in front of that one, which tells by a header.
  ConnectOptions options = Behind("PROXY TCP4 10.0.0.5 10.0.0.1 4711 443\r\n");
  options.headers = {{"X-Forwarded-For", "203.0.113.9"}};
  ExpectKnownAs("203.0.113.9", options);
  // What others say in headers counts nothing.
  options.before = "PROXY TCP4 203.0.113.7 10.0.0.1 4712 443\r\n";
  ExpectKnownAs("203.0.113.7:4712", options);
}

TEST_F(ProxyProtocol, TheProxysOwnChecksAreServed) {
  for (const std::string& header : {Local2(), std::string("PROXY UNKNOWN\r\n")}) {
    EXPECT_EQ(support::HttpExchange(Port(), header + "GET /healthz HTTP/1.0\r\n\r\n").status, 200);
  }
}

TEST_F(ProxyProtocol, TheHeaderMayComeInPieces) {
  for (const std::string& header :
       {Local2(), std::string("PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n")}) {
    support::TcpConnection connection(Port());
    const std::string request = header + "GET /healthz HTTP/1.0\r\n\r\n";
    for (const char c : request) connection.Send({&c, 1});
    std::string rest;
    EXPECT_EQ(support::ReadHttpResponse(connection, rest).status, 200);
  }
}

TEST_F(ProxyProtocol, WithoutAGoodHeaderTheConnectionIsClosed) {
  ExpectClosed("GET /healthz HTTP/1.0\r\n\r\n");
  ExpectClosed("PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\nGET /healthz HTTP/1.0\r\n\r\n");
  ExpectClosed("PROXY " + std::string(200, 'x'));
  ExpectClosed(Local2().replace(12, 1, "\x31") + "GET /healthz HTTP/1.0\r\n\r\n");
  ExpectClosed("PROXY TCP4 203.0.113.7");  // not complete within --upgrade_timeout
  ExpectClosed("");
  ExpectClosed("PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\nGET /healthz HTTP/1.0\r\n\r\n",
               "127.0.0.7");  // no trusted proxy
  const std::string log = deployment_->edge(1).process->StderrText();
  EXPECT_NE(log.find("PROXY protocol (--proxy_protocol)"), std::string::npos) << log;
}

TEST(AccessFlags, WhatCanNeverMatchIsRefusedAtTheStart) {
  for (const char* flag :
       {"--allowed_origins=chat.example", "--allowed_origins=https://chat.example/path",
        "--allowed_origins=https://chat.example:0", "--allowed_origins=https://a, https://b",
        "--allowed_origins=https://a.*.example", "--server_names=https://chat.example",
        "--trusted_proxies=10.0.0.0/33", "--trusted_proxies=proxy.example"}) {
    support::Process edge(
        {support::BinaryPath("ws_edge"), {"--listen=127.0.0.1:0", flag}, std::nullopt});
    EXPECT_EQ(edge.WaitForExit(), 64) << flag;
    const std::string name = std::string(flag).substr(0, std::string(flag).find('='));
    EXPECT_NE(edge.StderrText().find(name), std::string::npos) << edge.StderrText();
  }
}

}  // namespace
