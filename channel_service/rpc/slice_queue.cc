#include "channel_service/rpc/slice_queue.h"

#include "channel_service/base/clock.h"
#include "channel_service/limits.h"

namespace channel {

void SliceQueue::Add(const PeerAddress& address, SlicedWork* work) {
  std::deque<SlicedWork*>& its_work = work_[address];
  if (its_work.empty()) turns_.push_back(address);
  its_work.push_back(work);
}

void SliceQueue::Run() {
  const SteadyTime until = std::chrono::steady_clock::now() + kSlicesTimeMax;
  while (!turns_.empty()) {
    const PeerAddress address = turns_.front();
    turns_.pop_front();
    SlicedWork* const work = work_[address].front();
    const bool more = work->DoSlice();
    std::deque<SlicedWork*>& its_work = work_[address];  // DoSlice may have added some
    its_work.pop_front();
    if (more) its_work.push_back(work);
    if (its_work.empty()) {
      work_.erase(address);
    } else {
      turns_.push_back(address);
    }
    if (std::chrono::steady_clock::now() >= until) return;
  }
}

}  // namespace channel
