// Time, and CPU time of processes.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <vector>

namespace channel::bench {

inline int64_t Now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// The CPU clocks of the processes that serve (user and system time, all threads).
class CpuClocks {
 public:
  // False if there is no such process.
  bool Add(pid_t pid) {
    clockid_t clock{};
    if (clock_getcpuclockid(pid, &clock) != 0) return false;
    clocks_.push_back(clock);
    return true;
  }

  std::vector<int64_t> Read() const {
    std::vector<int64_t> ns;
    for (const clockid_t clock : clocks_) ns.push_back(Now(clock));
    return ns;
  }

  int64_t Sum() const {
    int64_t ns = 0;
    for (const clockid_t clock : clocks_) ns += Now(clock);
    return ns;
  }

 private:
  std::vector<clockid_t> clocks_;
};

}  // namespace channel::bench
