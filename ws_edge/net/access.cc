#include "ws_edge/net/access.h"

#include <utility>

#include "channel_service/base/address.h"
#include "ws_edge/net/forwarded.h"

namespace edge {

using boost::asio::ip::tcp;

absl::StatusOr<RequestSource> FindSource(const AccessRules& rules,
                                         const channel::HttpRequest& request, const Peer& peer,
                                         const channel::Authority& host) {
  const ForwardedHeaders headers{channel::JoinedHeader(request, "Forwarded"),
                                 channel::JoinedHeader(request, "X-Forwarded-For"),
                                 channel::JoinedHeader(request, "X-Forwarded-Host"),
                                 channel::JoinedHeader(request, "X-Forwarded-Proto")};
  RequestSource source{peer.endpoint, {}, peer.by_proxy_protocol || headers.any()};
  std::string scheme = "http";
  channel::Authority address = host;
  const bool believed = !peer.hidden && rules.trusted_proxies.Contain(peer.endpoint.address());
  if (headers.any() && believed) {
    const auto forwarded = ReadForwarded(headers, rules.trusted_proxies);
    if (!forwarded.ok()) return forwarded.status();
    if (forwarded->client) source.client = {*forwarded->client, forwarded->client_port};
    if (forwarded->host) address = *forwarded->host;
    if (!forwarded->scheme.empty()) scheme = forwarded->scheme;
  }
  source.site = MakeSite(scheme, std::move(address));
  return source;
}

bool NameAllowed(const AccessRules& rules, const RequestSource& source, bool loopback_listener) {
  if (!rules.server_names.empty()) return rules.server_names.Contain(source.site);
  return !loopback_listener || source.through_proxy ||
         channel::IsLoopbackName(source.site.address.host);
}

std::string DescribeClient(const tcp::endpoint& client) {
  return client.port() == 0 ? client.address().to_string() : channel::ToString(client);
}

}  // namespace edge
