#include "channel_service/rpc/slice_queue.h"

#include <algorithm>

#include "channel_service/limits.h"

namespace channel {
namespace {

// So many idle addresses are remembered until somebody looks.
constexpr size_t kIdleSharesMax = 64;

}  // namespace

bool SliceClock::Look() {
  work_ = 0;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (until_ == SteadyTime()) until_ = now + kSliceTime;
  return now >= until_;
}

void SliceQueue::Add(PeerAddress address, SlicedWork* work) {
  Share& share = shares_[address];
  if (share.work.empty()) {
    share.used = std::max(share.used, level_);
    turns_.emplace(share.used, address);
  }
  share.work.push_back(work);
}

void SliceQueue::Run() {
  if (turns_.empty()) return;
  SteadyTime now = std::chrono::steady_clock::now();
  const SteadyTime until = now + kSlicesTimeMax;
  while (!turns_.empty() && now < until) {
    const auto [used, address] = *turns_.begin();
    turns_.erase(turns_.begin());
    level_ = used;
    SlicedWork* const work = shares_[address].work.front();
    const bool more = work->DoSlice();
    const SteadyTime began = std::exchange(now, std::chrono::steady_clock::now());
    Share& share = shares_[address];  // DoSlice may have added some
    share.work.pop_front();
    if (more) share.work.push_back(work);
    share.used += now - began;
    if (!share.work.empty()) turns_.emplace(share.used, address);
  }
  ForgetIdle();
}

void SliceQueue::ForgetIdle() {
  if (turns_.empty()) {
    shares_.clear();
    level_ = {};
  } else if (shares_.size() > turns_.size() + kIdleSharesMax) {
    absl::erase_if(shares_, [this](const auto& entry) {
      return entry.second.work.empty() && entry.second.used <= level_;
    });
  }
}

}  // namespace channel
