// Work of calls that takes turns: it is done in slices, between the loop's events.
//
// Addresses take turns, and so do the calls of one address: a request of 65,536 entries, or a
// thousand calls at once, hold others up for as long as a slice takes. Unary calls always come this
// way; streams with long requests, or while others wait. Loop thread only.
#pragma once

#include <deque>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/peer_address.h"

namespace channel {

class SlicedWork {
 public:
  SlicedWork() = default;
  SlicedWork(const SlicedWork&) = delete;
  SlicedWork& operator=(const SlicedWork&) = delete;

  // Does a part that takes about 0.1 ms, 1 ms at most. Returns whether more is left, and so whether
  // it is called again. It may not destroy itself.
  virtual bool DoSlice() = 0;

 protected:
  ~SlicedWork() = default;
};

class SliceQueue {
 public:
  // `work` must stay alive until its DoSlice returns false.
  void Add(const PeerAddress& address, SlicedWork* work);
  // Does slices until kSlicesTimeMax is over, or none is left.
  void Run();
  bool empty() const { return turns_.empty(); }

 private:
  std::deque<PeerAddress> turns_;  // the keys of work_
  absl::flat_hash_map<PeerAddress, std::deque<SlicedWork*>> work_;
};

}  // namespace channel
