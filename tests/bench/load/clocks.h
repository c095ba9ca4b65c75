// Time, CPU time of processes, and the cost of a measurement.
#pragma once

#include <errno.h>
#include <sys/types.h>
#include <time.h>

#include <boost/json.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace channel::bench {

inline constexpr int64_t kMillisecond = 1'000'000;  // all times are in ns
inline constexpr int64_t kSecond = 1'000'000'000;

// Says why on standard error and ends the process with 1.
[[noreturn]] inline void Die(std::string_view why) {
  std::fprintf(stderr, "%s: %.*s\n", program_invocation_short_name, static_cast<int>(why.size()),
               why.data());
  std::_Exit(1);  // nothing that is open needs a farewell
}

inline int64_t Now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

inline std::vector<int> NumbersIn(const std::string& text) {  // with commas
  std::vector<int> numbers;
  std::istringstream stream(text);
  for (std::string number; std::getline(stream, number, ',');) {
    numbers.push_back(std::atoi(number.c_str()));
  }
  return numbers;
}

// The CPU clocks of the processes that serve (user and system time, all threads).
class CpuClocks {
 public:
  CpuClocks() = default;
  // Process numbers with commas; ends this process if there is no such one.
  explicit CpuClocks(const std::string& pids) {
    for (const int pid : NumbersIn(pids)) {
      clockid_t clock{};
      if (clock_getcpuclockid(pid, &clock) != 0) Die("no process " + std::to_string(pid));
      clocks_.push_back(clock);
    }
  }

  std::vector<int64_t> Read() const {
    std::vector<int64_t> ns;
    for (const clockid_t clock : clocks_) ns.push_back(Now(clock));
    return ns;
  }

  int64_t Sum() const {
    const std::vector<int64_t> ns = Read();
    return std::accumulate(ns.begin(), ns.end(), int64_t{0});
  }

 private:
  std::vector<clockid_t> clocks_;
};

// The cost of the time from its making until Stop, for the servers and for this process.
class CostMeter {
 public:
  explicit CostMeter(const CpuClocks& servers) : servers_(servers) {}

  int64_t start() const { return start_; }

  void Stop() {
    wall_ = Now() - start_;
    own_ = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before_;
    each_ = servers_.Read();
    for (size_t i = 0; i < each_.size(); ++i) each_[i] -= each_before_[i];
  }

  // After Stop: this process is one of those that are measured.
  void CountOwn() { each_.push_back(own_); }

  void AddTo(boost::json::object& result) const {
    result["cpu_ns"] = std::accumulate(each_.begin(), each_.end(), int64_t{0});
    result["cpu_each_ns"] = boost::json::array(each_.begin(), each_.end());
    result["load_cpu_ns"] = own_;
    result["wall_ns"] = wall_;
  }

 private:
  const CpuClocks& servers_;
  const std::vector<int64_t> each_before_ = servers_.Read();
  const int64_t own_before_ = Now(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t start_ = Now();
  std::vector<int64_t> each_;
  int64_t own_ = 0;
  int64_t wall_ = 0;
};

// One line of JSON on standard output.
inline void PrintLine(const boost::json::object& result) {
  std::puts(boost::json::serialize(result).c_str());
  std::fflush(stdout);
}

}  // namespace channel::bench
