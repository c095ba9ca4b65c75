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

void AddOrigins(Rows& rows) {
  const auto foreign = [&](const std::string& name, const std::string& origin) {
    rows.push_back({name, WithOrigin(origin), {403}, {origin, "--allowed_origins"}});
  };
  foreign("ForeignOrigin", "https://foreign.example");
  foreign("NullOrigin", "null");
  foreign("OriginThatBeginsLikeTheHost", "http://127.0.0.1.foreign.example");
  foreign("OriginThatEndsLikeTheHost", "http://foreign127.0.0.1");
  foreign("OriginWithTheHostAsUser", "http://127.0.0.1@foreign.example");
  foreign("OriginThatIsNotOne", "127.0.0.1");
  foreign("OriginThatBeginsLikeAListedOne", std::string(kListedOrigin) + ".foreign.example");
  rows.push_back({"ForeignOriginForADomain",
                  WithOrigin("https://foreign.example", "chat.example"),
                  {403},
                  {"https://foreign.example"}});

  rows.push_back({"NoOrigin", Upgrade(kKeyAndVersion), {101}, {}});
  rows.push_back({"OwnOrigin", WithOrigin("http://127.0.0.1:1234"), {101}, {}});
  rows.push_back({"OwnHostOtherPort", WithOrigin("http://127.0.0.1:8080"), {101}, {}});
  rows.push_back({"LocalhostIsTheSameHost", WithOrigin("http://localhost:3000"), {101}, {}});
  rows.push_back({"LoopbackOfIpv6IsTheSameHost", WithOrigin("http://[::1]:3000"), {101}, {}});
  rows.push_back(
      {"OwnDomainOtherPort", WithOrigin("https://chat.example:8443", "chat.example"), {101}, {}});
  rows.push_back({"ListedOrigin", WithOrigin(kListedOrigin), {101}, {}});
}

void AddBadUpgrades(Rows& rows) {
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
  rows.push_back({"Healthz", Plain("GET /healthz"), {200}, {"ok", "x-channel-edge: edge-1"}});
  rows.push_back({"ChatPage", Plain("GET /"), {200}, {"<html", "content-security-policy: "}});
}

}  // namespace

std::vector<HttpRow> HttpRows() {
  Rows rows;
  AddOrigins(rows);
  AddBadUpgrades(rows);
  AddBadHttp(rows);
  return rows;
}

}  // namespace bad_input
