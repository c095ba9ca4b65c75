// Ends a process whose loop stands still, so that whoever supervises it starts it again.
//
// A thread of its own looks twice a second. A loop that has not turned for `patience` of such looks
// is logged with its stack, and the process ends with SIGABRT (SIGALRM, if it cannot log). The time
// in which the whole process stood still (SIGSTOP, a suspended machine) does not count: there are
// no looks in it.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace channel {

class Watchdog {
 public:
  static constexpr std::chrono::milliseconds kPatience{10'000};
  static constexpr std::chrono::milliseconds kLook{500};

  // `beat` gives another value whenever the loop has turned; the loop must turn once a second. It
  // is called on the watchdog's thread. `loop` is the thread whose stack is logged.
  Watchdog(pthread_t loop, std::function<int64_t()> beat,
           std::chrono::milliseconds patience = kPatience, std::chrono::milliseconds look = kLook);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Run();
  [[noreturn]] void End();

  const pthread_t loop_;
  const std::function<int64_t()> beat_;
  const std::chrono::milliseconds patience_;
  const std::chrono::milliseconds look_;

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace channel
