// Bytes of strangers and proxies before the upgrade, in pure functions: header of the PROXY
// protocol, Forwarded and its kin, origins, targets. The first byte chooses.
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "channel_service/base/printable.h"
#include "tests/fuzz/fuzz_input.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/forwarded.h"
#include "ws_edge/net/origin.h"
#include "ws_edge/net/proxy_protocol.h"
#include "ws_edge/net/upgrade_checks.h"
#include "ws_edge/net/web_file.h"

namespace {

using edge::ProxyHeader;
using fuzz::Fail;

void CheckProxyHeader(std::string_view bytes) {
  const ProxyHeader header = edge::ReadProxyHeader(bytes);
  switch (header.state) {
    case ProxyHeader::State::kIncomplete:
      if (bytes.size() >= edge::kProxyHeaderBytesMax) Fail("over the limit and still incomplete");
      return;
    case ProxyHeader::State::kMalformed:
      if (std::string_view(header.why).empty()) Fail("malformed without words");
      return;
    case ProxyHeader::State::kComplete:
      break;
  }
  if (header.bytes > bytes.size() || header.bytes > edge::kProxyHeaderBytesMax) Fail("too long");
  // Bytes after the header do not change it, and without its last byte it is not complete.
  const ProxyHeader alone = edge::ReadProxyHeader(bytes.substr(0, header.bytes));
  if (alone.state != header.state || alone.client != header.client) Fail("what follows is read");
  const ProxyHeader cut = edge::ReadProxyHeader(bytes.substr(0, header.bytes - 1));
  if (cut.state != ProxyHeader::State::kIncomplete) Fail("complete before its end");
}

// A host that was read is normal: read again it is the same.
void CheckAuthority(const channel::Authority& address) {
  if (channel::ParseAuthority(address.host) != channel::Authority{address.host, std::nullopt}) {
    Fail("the host is not normal: " + address.host);
  }
}

// Headers of three proxies, as lines: Forwarded, X-Forwarded-For, -Host, -Proto.
void CheckForwarded(std::string_view text) {
  edge::ForwardedHeaders headers;
  for (std::string* header :
       {&headers.forwarded, &headers.x_for, &headers.x_host, &headers.x_proto}) {
    const size_t end = std::min(text.find('\n'), text.size());
    *header = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto trusted = edge::AddressRanges::Parse("", {"10.0.0.0/8", "::1"});
  const auto result = edge::ReadForwarded(headers, *trusted);
  if (!result.ok()) return;
  if (result->host.has_value()) CheckAuthority(*result->host);
  if (!result->scheme.empty() && result->scheme != "http" && result->scheme != "https") {
    Fail("an unknown scheme");
  }
  // Text that a client puts to the left of a stranger's address changes nothing.
  if (!result->client.has_value() || trusted->Contain(*result->client)) return;
  for (std::string* header : {&headers.forwarded, &headers.x_for}) {
    if (header->find_first_not_of(", \t") == std::string::npos) continue;
    header->insert(0, header == &headers.x_for ? "6.6.6.6, " : "for=6.6.6.6,");
  }
  const auto forged = edge::ReadForwarded(headers, *trusted);
  if (!forged.ok() || forged->client != result->client) Fail("a client has forged its address");
}

void CheckOrigin(std::string_view text) {
  const edge::Site own{"http", {"a.example", std::nullopt}};
  const auto site = edge::ParseSite(text);
  if (site.has_value()) {
    CheckAuthority(site->address);
    if (edge::ParseSite(edge::ToString(*site)) != site) Fail("a site is not normal");
  }
  const auto listed = edge::AllowedOrigins::Parse({std::string(text)});
  if (!listed.ok()) return;
  // An entry without a wildcard is an origin, and its page may connect.
  if (text.find('*') == std::string_view::npos && text != "null" && text.back() != '/' &&
      !listed->Allows(text, own)) {
    Fail("a listed origin may not connect: " + std::string(text));
  }
}

void CheckRest(std::string_view text) {
  const auto target = channel::ParseTarget(text);
  if (target.has_value() && (target->path.empty() || target->path.front() != '/')) {
    Fail("a path that is none");
  }
  edge::WantsGzip(text);
  edge::NamesEtag(text, "\"a\"");
  for (const char c : channel::Printable(text, 100)) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) Fail("not printable");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const size_t choice = input.Byte() % 4;
  const std::string_view text = input.Rest();
  if (choice == 0) CheckProxyHeader(text);
  if (choice == 1) CheckForwarded(text);
  if (choice == 2) CheckOrigin(text);
  if (choice == 3) CheckRest(text);
  return 0;
}
