// Places that peers share: however many places one address takes, others find some.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/peer_address.h"

namespace channel {

// An address may hold at most half of the places that the other addresses leave free, and no more
// than `of_one_max`. So edges behind one address have half of all, and the n-th greedy address
// still finds 1/2^n of them. Those who come over Unix sockets, whom the operator lets in, have as
// many places of their own. Not for several threads.
class FairShare {
 public:
  explicit FairShare(size_t places, size_t of_one_max = SIZE_MAX)
      : places_(places), of_one_max_(of_one_max) {}

  // Takes places, all or none; returns whether the address may have them.
  bool Take(PeerAddress address, size_t count = 1) {
    if (!MayTake(address, 0, count)) return false;
    Add(address, count);
    return true;
  }
  // `otherwise`: places that are taken and are nobody's share.
  bool MayTake(PeerAddress address, size_t otherwise = 0, size_t count = 1) const {
    const auto found = held_.find(address);
    const size_t held = found == held_.end() ? 0 : found->second;
    if (address == PeerAddress::kUnix) return held + count <= places_;
    const size_t others = total_ - held + otherwise;
    return others < places_ && held + count <= std::min((places_ - others + 1) / 2, of_one_max_);
  }
  // Takes places that the address has been promised.
  void Add(PeerAddress address, size_t count = 1) {
    held_[address] += count;
    if (address != PeerAddress::kUnix) total_ += count;
  }

  void Give(PeerAddress address, size_t count = 1) {
    const auto found = held_.find(address);
    found->second -= count;
    if (address != PeerAddress::kUnix) total_ -= count;
    if (found->second == 0) held_.erase(found);
  }

  // Counts no places of Unix sockets.
  size_t total() const { return total_; }

 private:
  const size_t places_;
  const size_t of_one_max_;
  size_t total_ = 0;
  absl::flat_hash_map<PeerAddress, size_t> held_;  // those that hold at least one
};

}  // namespace channel
