// The client as proxies in front describe it: Forwarded (RFC 7239) and X-Forwarded-For, -Host and
// -Proto.
//
// Pure functions. Each proxy adds an element at the right end, so only what trusted proxies have
// added can be believed: reading from the right, the first address that is no trusted proxy's is
// the client. The elements left of it came from the client and may be forged; they are not read.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "channel_service/http/authority.h"
#include "ws_edge/net/address_ranges.h"

namespace edge {

// The headers of one request. Repeated headers are joined with commas; an absent one is empty.
struct ForwardedHeaders {
  std::string forwarded;
  std::string x_for;
  std::string x_host;
  std::string x_proto;

  bool any() const {
    return !forwarded.empty() || !x_for.empty() || !x_host.empty() || !x_proto.empty();
  }
};

struct Forwarded {
  std::optional<boost::asio::ip::address> client;
  uint16_t client_port = 0;  // 0: not told
  std::optional<channel::Authority> host;
  std::string scheme;  // http or https; empty: not told
};

// INVALID_ARGUMENT names the header and what is wrong: syntax of Forwarded, an invalid host or
// scheme, or Forwarded and X-Forwarded-* that contradict each other (then a proxy passes on what a
// client has forged). Text that is no address ("unknown", "_hidden", garbage) ends the reading: the
// client is then the last valid address.
absl::StatusOr<Forwarded> ReadForwarded(const ForwardedHeaders& headers,
                                        const AddressRanges& trusted_proxies);

}  // namespace edge
