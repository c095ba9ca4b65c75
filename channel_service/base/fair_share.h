// Places that peers share: however many places one address takes, others find some.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/peer_address.h"

namespace channel {

// An address may hold at most half of the places that the other addresses leave free. So edges
// behind one address have half of all, and the n-th greedy address still finds 1/2^n of them. Not
// for several threads.
class FairShare {
 public:
  explicit FairShare(size_t places) : places_(places) {}

  // Takes places, all or none; returns whether the address may have them.
  bool Take(const PeerAddress& address, size_t count = 1) {
    if (!MayTake(address, 0, count)) return false;
    Add(address, count);
    return true;
  }
  // `otherwise`: places that are taken and are nobody's share.
  bool MayTake(const PeerAddress& address, size_t otherwise = 0, size_t count = 1) const {
    const auto found = held_.find(address);
    const size_t held = found == held_.end() ? 0 : found->second;
    const size_t others = total_ - held + otherwise;
    return others < places_ && held + count <= (places_ - others + 1) / 2;
  }
  // Takes places that the address has been promised.
  void Add(const PeerAddress& address, size_t count = 1) {
    held_[address] += count;
    total_ += count;
  }

  void Give(const PeerAddress& address, size_t count = 1) {
    const auto found = held_.find(address);
    found->second -= count;
    total_ -= count;
    if (found->second == 0) held_.erase(found);
  }

  size_t total() const { return total_; }

 private:
  const size_t places_;
  size_t total_ = 0;
  absl::flat_hash_map<PeerAddress, size_t> held_;  // those that hold at least one
};

}  // namespace channel
