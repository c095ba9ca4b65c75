#include "ws_edge/net/address_ranges.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "channel_service/base/peer_address.h"

namespace edge {
namespace {

namespace ip = boost::asio::ip;

template <typename Bytes>
bool SamePrefix(const Bytes& a, const Bytes& b, unsigned bits) {
  const size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) {
    return false;
  }
  if (bits % 8 == 0) return true;
  return ((a[whole] ^ b[whole]) >> (8 - bits % 8)) == 0;
}

bool ReadPrefix(std::string_view text, unsigned bits_max, unsigned* bits) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *bits);
  return error == std::errc() && end == text.data() + text.size() && *bits <= bits_max;
}

}  // namespace

absl::StatusOr<AddressRanges> AddressRanges::Parse(std::string_view flag,
                                                   const std::vector<std::string>& entries) {
  AddressRanges ranges;
  for (const std::string& entry : entries) {
    const size_t slash = entry.find('/');
    boost::system::error_code error;
    const auto address = ip::make_address(entry.substr(0, slash), error);
    const unsigned bits_max = address.is_v4() ? 32 : 128;
    unsigned bits = bits_max;
    if (error || (address.is_v6() && address.to_v6().scope_id() != 0) ||
        (slash != std::string::npos &&
         !ReadPrefix(std::string_view(entry).substr(slash + 1), bits_max, &bits))) {
      return absl::InvalidArgumentError(fmt::format(
          "{}: '{}' is no address range; allowed are 10.0.0.0/8, 2001:db8::/32 and single "
          "addresses, with commas and no spaces between",
          flag, entry));
    }
    const ip::address first = channel::Unmapped(address);
    if (first.is_v4() != address.is_v4()) {
      constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 are the addresses of IPv4
      if (bits < kMappedBits) {
        return absl::InvalidArgumentError(
            fmt::format("{}: '{}' holds all addresses of IPv4; write {}/BITS for one of its ranges",
                        flag, entry, first.to_string()));
      }
      bits -= kMappedBits;
    }
    ranges.ranges_.push_back({first, bits});
  }
  return ranges;
}

bool AddressRanges::Contain(const ip::address& mapped) const {
  const ip::address address = channel::Unmapped(mapped);
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    if (range.first.is_v4() != address.is_v4()) return false;
    return address.is_v4() ? SamePrefix(range.first.to_v4().to_bytes(), address.to_v4().to_bytes(),
                                        range.prefix_bits)
                           : SamePrefix(range.first.to_v6().to_bytes(), address.to_v6().to_bytes(),
                                        range.prefix_bits);
  });
}

}  // namespace edge
