// Work of calls that takes turns: it is done in slices, between the loop's events.
//
// The turn is that of the address that has used least time; its calls take turns, too. So a request
// of 65,536 entries, a publication for a thousand subscribers, or a thousand calls at once hold
// others up for as long as a slice takes, and an address gets its part of the time and no more.
// Unary calls always come this way; streams with long requests, or while others wait. Loop thread
// only.
#pragma once

#include <chrono>
#include <deque>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/peer_address.h"

namespace channel {

class SlicedWork {
 public:
  SlicedWork() = default;
  SlicedWork(const SlicedWork&) = delete;
  SlicedWork& operator=(const SlicedWork&) = delete;

  // Does a part that takes about kSliceTime (SliceClock). Returns whether more is left, and so
  // whether it is called again. It may not destroy itself.
  virtual bool DoSlice() = 0;

 protected:
  ~SlicedWork() = default;
};

// Tells a loop over small pieces of work when a slice is over. It looks at the clock seldom, and
// not at all for a short loop.
class SliceClock {
 public:
  // A piece with so many bytes was done.
  bool IsOver(size_t bytes = 0) {
    work_ += 1 + bytes / kBytesPerWork;
    return work_ >= kWorkBetweenLooks && Look();
  }

 private:
  // An entry takes 0.5 to 2 µs, or as much as 8 KiB of a body.
  static constexpr size_t kWorkBetweenLooks = 16;
  static constexpr size_t kBytesPerWork = 8 << 10;

  bool Look();

  size_t work_ = 0;  // since it looked
  SteadyTime until_ = {};
};

class SliceQueue {
 public:
  // `work` must stay alive until its DoSlice returns false.
  void Add(PeerAddress address, SlicedWork* work);
  // Does slices until kSlicesTimeMax is over, or none is left.
  void Run();
  bool empty() const { return turns_.empty(); }

 private:
  struct Share {
    SteadyTime::duration used{0};
    std::deque<SlicedWork*> work = {};
  };

  void ForgetIdle();

  absl::flat_hash_map<PeerAddress, Share> shares_;
  // The addresses with work, by the time that they have used.
  std::set<std::pair<SteadyTime::duration, PeerAddress>> turns_;
  // The time that the address of the last turn had used: nobody who comes later begins below.
  SteadyTime::duration level_{0};
};

}  // namespace channel
