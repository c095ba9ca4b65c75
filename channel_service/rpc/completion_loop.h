// The service's loop: gRPC's completion queue, "drain, then flush".
//
// One thread calls Run and owns all state of the service. A turn takes events until none is ready
// (at most kEventsPerTurnMax, for kEventsTimeMax), asks for the next calls (next_calls.h), does
// some slices of longer work (slice_queue.h), flushes what has something to write, then waits
// (tests/bench/README.md measures it, "hub"). Post is the one entry for other threads (signals,
// engines on a network).
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "channel_service/base/clock.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/hub/flush_list.h"
#include "channel_service/rpc/next_calls.h"
#include "channel_service/rpc/slice_queue.h"

namespace channel {

class CompletionLoop {
 public:
  // `queue` must outlive the loop. `on_tick` is called about once a second.
  CompletionLoop(grpc::CompletionQueue& queue, std::function<void()> on_tick);

  FlushList& flush_list() { return flush_list_; }
  SliceQueue& slices() { return slices_; }
  NextCalls& next_calls() { return next_calls_; }

  // Runs until the queue is shut down and empty.
  void Run();

  // From any thread: `task` runs on the loop soon. After Close it is dropped.
  void Post(std::function<void()> task);
  // Before Close, from any thread but the loop's: returns when `task` has run.
  void PostAndWait(const std::function<void()>& task);

  // Called before the queue is shut down. Any thread.
  void Close();

  // How often it has begun or ended to ask gRPC for an event: odd while it is inside gRPC. Any
  // thread.
  uint64_t polls() const { return polls_.load(std::memory_order_relaxed); }

  // When the loop last turned, for /healthz. Any thread.
  SteadyTime last_beat() const { return SteadyTime(SteadyTime::duration(beat_.load())); }

 private:
  // Waits for an event, unless there is longer work, and handles all that are ready. Returns false
  // if the queue is shut down and empty.
  bool TakeEvents();
  bool has_more_work() const { return !slices_.empty() || !next_calls_.empty(); }
  grpc::CompletionQueue::NextStatus Next(void** tag, bool* ok, gpr_timespec deadline);
  void OnWake(bool ok);
  void Beat();

  grpc::CompletionQueue& queue_;
  const std::function<void()> on_tick_;
  FlushList flush_list_;
  SliceQueue slices_;
  NextCalls next_calls_;
  std::atomic<SteadyTime::rep> beat_;
  std::atomic<uint64_t> polls_ = 0;
  SteadyTime next_tick_;
  unsigned turns_ = 0;  // without longer work
  bool looked_ = true;  // the last turn ended when gRPC had no event more

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  bool closed_ = false;                        // guarded by mutex_
  bool wake_pending_ = false;                  // guarded by mutex_
  grpc::Alarm alarm_;                          // guarded by mutex_
  MemberEvent<CompletionLoop, &CompletionLoop::OnWake> on_wake_{this};
};

}  // namespace channel
