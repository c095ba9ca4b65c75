// Sets of IP addresses: the flag --trusted_proxies.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edge {

class AddressRanges {
 public:
  // Entries: 10.0.0.0/8, 2001:db8::/32, or one address. Bits behind the prefix do not matter.
  // INVALID_ARGUMENT names `flag` and the bad entry.
  static absl::StatusOr<AddressRanges> Parse(std::string_view flag,
                                             const std::vector<std::string>& entries);

  bool Contain(const boost::asio::ip::address& address) const;

 private:
  struct Range {
    boost::asio::ip::address first;
    unsigned prefix_bits;
  };
  std::vector<Range> ranges_;
};

}  // namespace edge
