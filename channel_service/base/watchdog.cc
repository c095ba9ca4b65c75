#include "channel_service/base/watchdog.h"

#include <execinfo.h>
#include <semaphore.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "absl/debugging/symbolize.h"

namespace channel {
namespace {

constexpr int kFramesMax = 64;
// A thread that stands still in the kernel does not give its stack.
constexpr time_t kStackSeconds = 1;

constexpr unsigned kLogSeconds = 3;

// Filled by the signal handler, on the thread that stands still.
struct Stack {
  std::array<void*, kFramesMax> frames;
  int size = 0;
  sem_t taken;
};
Stack stack;

void TakeStack(int) {
  const int error = errno;
  stack.size = ::backtrace(stack.frames.data(), kFramesMax);
  ::sem_post(&stack.taken);
  errno = error;
}

bool AwaitStack() {
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += kStackSeconds;
  while (::sem_clockwait(&stack.taken, CLOCK_MONOTONIC, &until) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

void LogStack(pthread_t thread) {
  if (::pthread_kill(thread, SIGUSR2) != 0) return;
  if (!AwaitStack()) {
    spdlog::critical("it does not give its stack: it is in the kernel");
    return;
  }
  for (int i = 0; i < stack.size; ++i) {
    void* const frame = stack.frames[static_cast<size_t>(i)];
    std::array<char, 512> name{};
    const bool known = absl::Symbolize(frame, name.data(), static_cast<int>(name.size()));
    spdlog::critical("  {} {}", frame, known ? name.data() : "?");
  }
}

}  // namespace

Watchdog::Watchdog(pthread_t loop, std::function<int64_t()> beat,
                   std::chrono::milliseconds patience, std::chrono::milliseconds look)
    : loop_(loop), beat_(std::move(beat)), patience_(patience), look_(look) {
  absl::InitializeSymbolizer(program_invocation_name);
  ::sem_init(&stack.taken, 0, 0);
  ::backtrace(stack.frames.data(), 1);  // the first call loads a library: not in a signal handler
  struct sigaction action {};
  action.sa_handler = &TakeStack;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR2, &action, nullptr);
  thread_ = std::thread([this] { Run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

void Watchdog::Run() {
  int64_t last = beat_();
  std::chrono::milliseconds stood_still{0};
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, look_, [this] { return stopped_; })) {
    const int64_t now = beat_();
    stood_still = now == last ? stood_still + look_ : std::chrono::milliseconds(0);
    last = now;
    if (stood_still >= patience_) End();
  }
}

void Watchdog::End() {
  ::alarm(kLogSeconds);  // ends the process, too: the log may be what the loop waits for
  spdlog::critical("the loop has not turned for {} ms; the process ends. Where it stands:",
                   patience_.count());
  LogStack(loop_);
  spdlog::default_logger()->flush();
  std::abort();
}

}  // namespace channel
