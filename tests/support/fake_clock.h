// A clock that stands still until a test steps it.
#pragma once

#include <chrono>

#include "channel_service/base/clock.h"

namespace channel::test {

class FakeClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }
  int64_t UnixMillis() const override { return unix_millis_; }

  void Step(std::chrono::milliseconds by) {
    now_ += by;
    StepWall(by);
  }
  // As an operator or NTP sets the time of day.
  void StepWall(std::chrono::milliseconds by) { unix_millis_ += by.count(); }

 private:
  SteadyTime now_ = SteadyTime(std::chrono::hours(1));
  int64_t unix_millis_ = 1'700'000'000'000;
};

}  // namespace channel::test
