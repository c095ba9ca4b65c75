// Whom an edge takes a client for behind proxies: by headers, and by the PROXY protocol.

#include "tests/integration/access_test.h"

namespace access_rules {
namespace {

class ProxyHeaders : public AccessTest {
 protected:
  static void SetUpTestSuite() { DeployWithEdges({}); }
};

// nginx's documented example sends its upstream's name as Host.
TEST_F(ProxyHeaders, AProxyTellsHostSchemeAndClient) {
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

TEST_F(ProxyHeaders, WhatAProxyGarblesIsRefusedInWords) {
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

class ProxyProtocol : public AccessTest {
 protected:
  static void SetUpTestSuite() {
    DeployWithEdges(
        {"--proxy_protocol", "--upgrade_timeout=1s", "--trusted_proxies=127.0.0.1,10.0.0.0/8"});
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
    const double refused = deployment().EdgeMetric(kRefused);
    support::TcpOptions options;
    options.source_address = source;
    support::TcpConnection connection(Port(), options);
    connection.SendWhileItMoves(bytes, support::kPatience);
    std::string answer;
    EXPECT_FALSE(connection.Receive(answer)) << answer;
    EXPECT_EQ(deployment().EdgeMetric(kRefused), refused + 1);
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
  // Headers of others count nothing.
  options.before = "PROXY TCP4 203.0.113.7 10.0.0.1 4712 443\r\n";
  ExpectKnownAs("203.0.113.7:4712", options);
}

TEST_F(ProxyProtocol, TheProxysOwnChecksAreServed) {
  for (const std::string& header : {Local2(), std::string("PROXY UNKNOWN\r\n")}) {
    EXPECT_EQ(support::HttpExchange(Port(), header + "GET /healthz HTTP/1.0\r\n\r\n").status, 200);
  }
}

// A proxy that passes bytes on removes no headers: they are the client's own.
TEST_F(ProxyProtocol, AClientThatTheProxyDoesNotTellCannotNameItself) {
  for (const std::string& header : {Local2(), std::string("PROXY UNKNOWN\r\n")}) {
    ConnectOptions options = Behind(header);
    options.headers = {{"X-Forwarded-For", "203.0.113.9"}};
    WebSocketClient client(Port(), options);
    client.ExpectSilence();
    const std::string lines =
        support::HttpGet(deployment().edge(1).admin_port, "/connections").body;
    EXPECT_NE(lines.find(" 127.0.0.1:"), std::string::npos) << lines;
    EXPECT_EQ(lines.find("203.0.113.9"), std::string::npos) << lines;
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
  const std::string log = deployment().edge(1).process->StderrText();
  EXPECT_NE(log.find("PROXY protocol (--proxy_protocol)"), std::string::npos) << log;
}

}  // namespace
}  // namespace access_rules
