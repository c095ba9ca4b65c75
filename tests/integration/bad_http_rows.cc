#include "tests/integration/bad_input_rows.h"
#include "tests/support/web_socket_client.h"

namespace bad_input {
namespace {

using Rows = std::vector<HttpRow>;

constexpr const char* kKeyAndVersion =
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

std::string Plain(const std::string& request_line) {
  return request_line + " HTTP/1.1\r\nHost: 127.0.0.1:1234\r\nConnection: close\r\n\r\n";
}

// An upgrade whose headers behind Host, Upgrade and Connection are these.
std::string Upgrade(const std::string& headers) {
  return "GET / HTTP/1.1\r\nHost: 127.0.0.1:1234\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
         headers + "\r\n";
}

std::string WithOrigin(const std::string& origin, const std::string& host = "127.0.0.1:1234") {
  return support::UpgradeRequestHead("/", host) + "Origin: " + origin + "\r\n\r\n";
}

// Foreign origins are accepted and then closed: access_test.cc.
void AddOrigins(Rows& rows) {
  rows.push_back({"NoOrigin", Upgrade(kKeyAndVersion), {101}, {}});
  rows.push_back({"OwnOrigin", WithOrigin("http://127.0.0.1:1234"), {101}, {}});
  rows.push_back({"OwnHostOtherPort", WithOrigin("http://127.0.0.1:8080"), {101}, {}});
  rows.push_back({"LocalhostIsTheSameHost", WithOrigin("http://localhost:3000"), {101}, {}});
  rows.push_back({"LoopbackOfIpv6IsTheSameHost", WithOrigin("http://[::1]:3000"), {101}, {}});
  rows.push_back({"ListedOrigin", WithOrigin(kListedOrigin), {101}, {}});
}

void AddBadKeysAndVersions(Rows& rows) {
  rows.push_back({"MissingKey", Upgrade("Sec-WebSocket-Version: 13\r\n"), {400}, {}});
  rows.push_back(
      {"KeyTooLong",
       Upgrade("Sec-WebSocket-Key: " + std::string(100, 'A') + "\r\nSec-WebSocket-Version: 13\r\n"),
       {400},
       {}});
  rows.push_back({"OldVersion",
                  Upgrade("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 8\r\n"),
                  {426},
                  {"sec-websocket-version: 13"}});
  rows.push_back({"MissingVersion",
                  Upgrade("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
                  {400, 426},
                  {}});
  const std::vector<std::pair<std::string, std::string>> no_keys = {
      {"KeyOfOtherCharacters", "!!!!!!!!!!!!!!!!!!!!!!=="},
      {"KeyOfTwelveBytes", "dGhlIHNhbXBsZSBu"},
      {"KeyThatEndsEarly", "dGhlIHNhbXBsZSBub25jZ==="},
      {"EmptyKey", ""}};
  for (const auto& [name, key] : no_keys) {
    rows.push_back({name,
                    Upgrade("Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n"),
                    {400},
                    {"16 bytes in base64"}});
  }
  rows.push_back(
      {"TwoKeys",
       Upgrade(std::string(kKeyAndVersion) + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
       {400},
       {"Sec-WebSocket-Key"}});
}

void AddBadUpgrades(Rows& rows) {
  rows.push_back({"UpgradeWithABody",
                  Upgrade(std::string(kKeyAndVersion) + "Content-Length: 2\r\n") + "{}",
                  {400},
                  {"no body"}});
  rows.push_back(
      {"UpgradeWithAChunkedBody",
       Upgrade(std::string(kKeyAndVersion) + "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
       {400},
       {"no body"}});
  rows.push_back({"UpgradeWithAnEmptyBody",
                  Upgrade(std::string(kKeyAndVersion) + "Content-Length: 0\r\n"),
                  {101},
                  {}});
  rows.push_back({"UpgradeWithTwoHosts",
                  Upgrade(std::string(kKeyAndVersion) + "Host: 127.0.0.1:1234\r\n"),
                  {400},
                  {"more than once"}});
  rows.push_back({"UpgradeOfHttp10",
                  std::string("GET / HTTP/1.0\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\n") +
                      kKeyAndVersion + "\r\n",
                  {400},
                  {"HTTP/1.1"}});
  rows.push_back({"KeyWithoutUpgrade",
                  std::string("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\n") +
                      kKeyAndVersion + "\r\n",
                  {400},
                  {"'Upgrade: websocket' is missing"}});
  rows.push_back({"ConnectionInTwoHeaders",
                  std::string("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                              "Connection: keep-alive\r\nConnection: Upgrade\r\n") +
                      kKeyAndVersion + "\r\n",
                  {101},
                  {}});
  rows.push_back({"SubprotocolBehindABadOne",
                  Upgrade(std::string(kKeyAndVersion) +
                          "Sec-WebSocket-Protocol: b@d token, channel.v1.json\r\n"),
                  {101},
                  {"sec-websocket-protocol: channel.v1.json"}});
  rows.push_back({"UpgradeInAbsoluteForm",
                  std::string("GET ws://127.0.0.1:1234/x HTTP/1.1\r\nHost: ignored.example\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n") +
                      kKeyAndVersion + "\r\n",
                  {101},
                  {}});
  rows.push_back({"UpgradeWithoutHost",
                  std::string("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n") +
                      kKeyAndVersion + "\r\n",
                  {400},
                  {}});
  rows.push_back({"UpgradeByPost",
                  std::string("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nContent-Length: 0\r\n") +
                      kKeyAndVersion + "\r\n",
                  {400, 405},
                  {}});
  rows.push_back({"UpgradeOnAnyPath",
                  support::UpgradeRequestHead("/chat/room") + "\r\n",
                  {101},
                  {"x-channel-edge: edge-1"}});
}

void AddBadHttp(Rows& rows) {
  rows.push_back({"Nothing", "", {408}, {}});
  rows.push_back({"HalfAHandshake", support::UpgradeRequestHead("/"), {408}, {}});
  rows.push_back({"HalfARequestLine", "GET / HT", {408}, {}});
  rows.push_back({"TlsHello",
                  std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
                  {400},
                  {}});
  rows.push_back({"Garbage", "\x01\x02 garbage \xff\xfe\r\n\r\n", {400}, {}});
  rows.push_back({"HeaderWithoutColon",
                  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nno colon here\r\n\r\n",
                  {400},
                  {}});
  rows.push_back({"HeaderTooLarge",
                  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " +
                      std::string(kHttpHeaderBytesMax, 'c') + "\r\n\r\n",
                  {431},
                  {}});
  std::string many = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (int i = 0; i < 1'000; ++i) many += "X-Header-" + std::to_string(i) + ": value\r\n";
  rows.push_back({"TooManyHeaders", many + "\r\n", {431}, {}});
  rows.push_back(
      {"PathTooLong", Plain("GET /" + std::string(kHttpHeaderBytesMax, 'p')), {431}, {}});
  rows.push_back({"Post",
                  "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
                  "Connection: close\r\n\r\n{}",
                  {405},
                  {}});
  rows.push_back({"PostThatClaimsAGigabyte",
                  "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n\r\n",
                  {405, 413},
                  {}});
  rows.push_back({"Put", Plain("PUT /"), {405}, {}});
  rows.push_back({"Delete", Plain("DELETE /healthz"), {405}, {}});
  rows.push_back({"UnknownPath", Plain("GET /no/such/path"), {404}, {}});
  rows.push_back({"PathOutOfTheRoot", Plain("GET /../../etc/passwd"), {400, 404}, {}});
  rows.push_back({"MetricsAreNotHere", Plain("GET /metrics"), {404}, {}});
  rows.push_back({"TwoHosts",
                  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
                  {400},
                  {"more than once"}});
  rows.push_back({"NoHost", "GET / HTTP/1.1\r\n\r\n", {400}, {"'Host' is missing"}});
  rows.push_back({"HostThatIsNone", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}, {"'a b'"}});
  rows.push_back({"HealthCheckOfHttp10", "GET /healthz HTTP/1.0\r\n\r\n", {200}, {"ok"}});
  rows.push_back({"AbsoluteForm", Plain("GET http://127.0.0.1:1234/healthz?x"), {200}, {"ok"}});
  rows.push_back({"AbsoluteFormOfTheRoot", Plain("GET http://chat.example"), {200}, {"<html"}});
  rows.push_back({"TargetThatIsNone", Plain("GET *"), {400}, {}});
  rows.push_back({"OptionsOfTheServer", Plain("OPTIONS *"), {405}, {"allow: GET, HEAD"}});
  // As nginx sends each request with 'proxy_set_header Connection "upgrade"'.
  const std::vector<std::pair<std::string, std::string>> paths = {
      {"Page", "/"}, {"Module", "/channel.js"}, {"Healthz", "/healthz"}};
  for (const auto& [name, path] : paths) {
    rows.push_back({name + "WithConnectionUpgradeAlone",
                    "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\n\r\n",
                    {200},
                    {}});
  }
  rows.push_back({"UpgradeToHttp2",
                  "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: h2c\r\n"
                  "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA\r\n\r\n",
                  {200},
                  {"ok"}});
  rows.push_back({"Readyz", Plain("GET /readyz"), {200}, {"ready", "cache-control: no-store"}});
  rows.push_back({"PostToReadyz", Plain("POST /readyz"), {405}, {"allow: GET, HEAD"}});
  rows.push_back({"ConnectionsAreNotHere", Plain("GET /connections"), {404}, {}});
  rows.push_back({"Healthz", Plain("GET /healthz"), {200}, {"ok", "x-channel-edge: edge-1"}});
  rows.push_back({"ChatPage", Plain("GET /"), {200}, {"<html", "content-security-policy: "}});
}

}  // namespace

std::vector<HttpRow> HttpRows() {
  Rows rows;
  AddOrigins(rows);
  AddBadKeysAndVersions(rows);
  AddBadUpgrades(rows);
  AddBadHttp(rows);
  return rows;
}

}  // namespace bad_input
