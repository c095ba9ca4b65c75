// Time as a constructor argument: what waits or ages gets a Clock, and tests step a fake one.
// Whatever is a duration is measured by Now: the wall clock may be set, an hour ahead or back.
#pragma once

#include <chrono>
#include <cstdint>

namespace channel {

using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  // Milliseconds since 1970-01-01T00:00:00Z, to stamp publications for people.
  virtual int64_t UnixMillis() const = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  int64_t UnixMillis() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace channel
