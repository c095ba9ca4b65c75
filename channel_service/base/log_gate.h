// Lets lines of one kind into the log at a bounded rate, so that nobody can fill it from outside.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "channel_service/base/clock.h"

namespace channel {

// Not for several threads. At most `lines_max` lines pass in each second.
class LogGate {
 public:
  explicit LogGate(int lines_max = 1) : lines_max_(lines_max) {}

  // For each line: nothing if it must be left out, else how many were left out since the last one.
  std::optional<size_t> Pass(SteadyTime now) {
    if (now >= second_ends_) {
      second_ends_ = now + std::chrono::seconds(1);
      lines_ = 0;
    }
    if (lines_ >= lines_max_) {
      ++left_out_;
      return std::nullopt;
    }
    ++lines_;
    const size_t left_out = left_out_;
    left_out_ = 0;
    return left_out;
  }

 private:
  const int lines_max_;
  int lines_ = 0;  // of this second
  size_t left_out_ = 0;
  SteadyTime second_ends_{};
};

}  // namespace channel
