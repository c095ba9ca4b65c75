#include "tests/integration/bad_input_rows.h"
#include "tests/support/web_socket_client.h"

namespace bad_input {
namespace {

using Rows = std::vector<HttpRow>;

constexpr const char* kHost = "Host: 127.0.0.1\r\n";
constexpr const char* kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
constexpr const char* kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr const char* kVersion = "Sec-WebSocket-Version: 13\r\n";

std::string Get(const std::string& path, const std::string& headers) {
  return "GET " + path + " HTTP/1.1\r\n" + headers + "\r\n";
}

std::string Plain(const std::string& request_line) {
  return request_line + " HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n";
}

// A good upgrade with more headers.
std::string UpgradeWith(const std::string& headers) {
  return support::UpgradeRequestHead() + headers + "\r\n";
}

// Which headers an upgrade needs, and the words about each: tests/unit/ws_edge/http_parts_test.cc.
// Pages and names that may connect: access_test.cc.
void AddUpgrades(Rows& rows) {
  const std::string key_and_version = std::string(kKey) + kVersion;
  rows = {
      {"UpgradeOnAnyPath",
       support::UpgradeRequestHead("/chat/room") + "\r\n",
       {101},
       {"x-channel-edge: edge-1"}},
      {"MissingKey", Get("/", std::string(kHost) + kUpgrade + kVersion), {400}, {"base64"}},
      {"TwoKeys", UpgradeWith("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), {400}, {"Key"}},
      {"OldVersion",
       Get("/", std::string(kHost) + kUpgrade + kKey + "Sec-WebSocket-Version: 8\r\n"),
       {426},
       {"sec-websocket-version: 13"}},
      {"UpgradeWithABody", UpgradeWith("Content-Length: 2\r\n") + "{}", {400}, {"no body"}},
      {"UpgradeWithAnEmptyBody", UpgradeWith("Content-Length: 0\r\n"), {101}, {}},
      {"UpgradeWithTwoHosts", UpgradeWith(kHost), {400}, {"more than once"}},
      {"UpgradeWithoutHost", Get("/", kUpgrade + key_and_version), {400}, {}},
      {"UpgradeOfHttp10",
       std::string("GET / HTTP/1.0\r\n") + kHost + kUpgrade + key_and_version + "\r\n",
       {400},
       {"HTTP/1.1"}},
      {"KeyWithoutUpgrade",
       Get("/", std::string(kHost) + "Connection: upgrade\r\n" + key_and_version),
       {400},
       {"'Upgrade: websocket' is missing"}},
      {"ConnectionInTwoHeaders", UpgradeWith("Connection: keep-alive\r\n"), {101}, {}},
      {"SubprotocolBehindABadOne",
       UpgradeWith("Sec-WebSocket-Protocol: b@d token, channel.v1.json\r\n"),
       {101},
       {"sec-websocket-protocol: channel.v1.json"}},
      {"UpgradeInAbsoluteForm",
       Get("ws://127.0.0.1:1234/x", "Host: ignored.example\r\n" + (kUpgrade + key_and_version)),
       {101},
       {}},
      {"UpgradeByPost",
       std::string("POST / HTTP/1.1\r\n") + kHost + kUpgrade + "Content-Length: 0\r\n" +
           key_and_version + "\r\n",
       {400, 405},
       {}},
      {"UpgradeToHttp2",
       Get("/healthz", std::string(kHost) + "Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n" +
                           "Connection: Upgrade, HTTP2-Settings\r\n"),
       {200},
       {"ok"}},
  };
}

// Bytes that are no request, or one without an end.
void AddBroken(Rows& rows) {
  std::string many = kHost;
  for (int i = 0; i < 1'000; ++i) many += "X-Header-" + std::to_string(i) + ": value\r\n";
  const std::string too_much(kHttpHeaderBytesMax, 'x');
  rows.insert(rows.end(),
              {
                  {"Nothing", "", {408}, {}},
                  {"HalfAHandshake", support::UpgradeRequestHead(), {408}, {}},
                  {"HalfARequestLine", "GET / HT", {408}, {}},
                  {"TlsHello",
                   std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
                   {400},
                   {}},
                  {"Garbage", "\x01\x02 garbage \xff\xfe\r\n\r\n", {400}, {}},
                  {"HeaderWithoutColon", Get("/", std::string(kHost) + "no colon\r\n"), {400}, {}},
                  {"HeaderTooLarge", UpgradeWith("Cookie: " + too_much + "\r\n"), {431}, {}},
                  {"TooManyHeaders", Get("/", many), {431}, {}},
                  {"PathTooLong", Plain("GET /" + too_much), {431}, {}},
                  {"TwoHosts", Get("/", std::string(kHost) + kHost), {400}, {"more than once"}},
                  {"NoHost", Get("/", ""), {400}, {"'Host' is missing"}},
                  {"HostThatIsNone", Get("/", "Host: a b\r\n"), {400}, {"'a b'"}},
                  {"TargetThatIsNone", Plain("GET *"), {400}, {}},
              });
}

void AddPlain(Rows& rows) {
  const std::string post = std::string("POST / HTTP/1.1\r\n") + kHost;
  rows.insert(
      rows.end(),
      {
          {"Post", post + "Content-Length: 2\r\nConnection: close\r\n\r\n{}", {405}, {}},
          {"PostThatClaimsAGigabyte", post + "Content-Length: 1073741824\r\n\r\n", {405, 413}, {}},
          {"Put", Plain("PUT /"), {405}, {}},
          {"Delete", Plain("DELETE /healthz"), {405}, {}},
          {"PostToReadyz", Plain("POST /readyz"), {405}, {"allow: GET, HEAD"}},
          {"OptionsOfTheServer", Plain("OPTIONS *"), {405}, {"allow: GET, HEAD"}},
          {"UnknownPath", Plain("GET /no/such/path"), {404}, {}},
          {"PathOutOfTheRoot", Plain("GET /../../etc/passwd"), {400, 404}, {}},
          {"MetricsAreNotHere", Plain("GET /metrics"), {404}, {}},
          {"ConnectionsAreNotHere", Plain("GET /connections"), {404}, {}},
          {"HealthCheckOfHttp10", "GET /healthz HTTP/1.0\r\n\r\n", {200}, {"ok"}},
          {"AbsoluteForm", Plain("GET http://127.0.0.1:1234/healthz?x"), {200}, {"ok"}},
          {"AbsoluteFormOfTheRoot", Plain("GET http://chat.example"), {200}, {"<html"}},
          {"Readyz", Plain("GET /readyz"), {200}, {"ready", "cache-control: no-store"}},
          {"Healthz", Plain("GET /healthz"), {200}, {"ok", "x-channel-edge: edge-1"}},
          {"ChatPage", Plain("GET /"), {200}, {"<html", "content-security-policy: "}},
      });
  // As nginx sends each request with 'proxy_set_header Connection "upgrade"'.
  const std::string upgrade_alone = std::string(kHost) + "Connection: upgrade\r\n";
  for (const auto& [name, path] : {std::pair("Page", "/"), std::pair("Module", "/channel.js")}) {
    rows.push_back(
        {std::string(name) + "WithConnectionUpgradeAlone", Get(path, upgrade_alone), {200}, {}});
  }
}

}  // namespace

std::vector<HttpRow> HttpRows() {
  Rows rows;
  AddUpgrades(rows);
  AddBroken(rows);
  AddPlain(rows);
  return rows;
}

}  // namespace bad_input
