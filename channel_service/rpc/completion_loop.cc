#include "channel_service/rpc/completion_loop.h"

#include <chrono>
#include <future>
#include <utility>

#include "channel_service/base/grpc_deadline.h"
#include "channel_service/limits.h"

namespace channel {
namespace {

constexpr std::chrono::seconds kTick{1};

// gRPC looks at no socket the first time that it has no event after a write that was done at once:
// a subscriber that is always written to would keep everybody else from being read (for 300 ms,
// measured). So a turn that has longer work to do ends when gRPC had no event twice in a row, and
// so does each so-manieth of the others, which are short.
constexpr unsigned kTurnsPerSurePoll = 4;

}  // namespace

CompletionLoop::CompletionLoop(grpc::CompletionQueue& queue, std::function<void()> on_tick)
    : queue_(queue), on_tick_(std::move(on_tick)) {
  Beat();
}

void CompletionLoop::Run() {
  next_tick_ = std::chrono::steady_clock::now() + kTick;
  while (TakeEvents()) {
    // A call that waits in gRPC is an event at once: without a look at the sockets between them,
    // thousands that come together would keep everybody else from being read.
    if (looked_) next_calls_.Run();
    slices_.Run();
    flush_list_.FlushAll();
    Beat();
    if (std::chrono::steady_clock::now() >= next_tick_) {
      next_tick_ = std::chrono::steady_clock::now() + kTick;
      on_tick_();
      flush_list_.FlushAll();
    }
  }
  flush_list_.FlushAll();
}

bool CompletionLoop::TakeEvents() {
  const gpr_timespec now = gpr_time_0(GPR_CLOCK_REALTIME);
  gpr_timespec deadline = has_more_work() ? now : DeadlineIn(kTick);
  const int empty_polls = has_more_work() || ++turns_ % kTurnsPerSurePoll == 0 ? 2 : 1;
  SteadyTime until;
  int empty = 0;
  for (int events = 0; events < kEventsPerTurnMax && empty < empty_polls;) {
    void* tag = nullptr;
    bool ok = false;
    const auto status = Next(&tag, &ok, deadline);
    if (status == grpc::CompletionQueue::SHUTDOWN) return false;
    if (events == 0) until = std::chrono::steady_clock::now() + kEventsTimeMax;
    if (status == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<CompletionEvent*>(tag)->OnEvent(ok);
      ++events;
      empty = 0;
      if (std::chrono::steady_clock::now() >= until) break;
    } else {
      ++empty;
    }
    deadline = now;
  }
  looked_ = empty == empty_polls;
  return true;
}

grpc::CompletionQueue::NextStatus CompletionLoop::Next(void** tag, bool* ok,
                                                       gpr_timespec deadline) {
  const uint64_t polls = polls_.load(std::memory_order_relaxed);
  polls_.store(polls + 1, std::memory_order_relaxed);
  const auto status = queue_.AsyncNext(tag, ok, deadline);
  polls_.store(polls + 2, std::memory_order_relaxed);
  return status;
}

void CompletionLoop::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  posted_.push_back(std::move(task));
  if (std::exchange(wake_pending_, true)) return;
  alarm_.Set(&queue_, gpr_time_0(GPR_CLOCK_REALTIME), &on_wake_);
}

void CompletionLoop::PostAndWait(const std::function<void()>& task) {
  std::promise<void> done;
  Post([&task, &done] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void CompletionLoop::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void CompletionLoop::OnWake(bool) {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
    wake_pending_ = false;
  }
  for (const auto& task : tasks) task();
}

void CompletionLoop::Beat() { beat_ = std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace channel
