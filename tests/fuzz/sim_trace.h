// Prints what happens in a simulation, step by step, for people.
#pragma once

#include <cstddef>
#include <cstdio>

namespace fuzz {

class SimTrace {
 public:
  explicit SimTrace(bool on) : on_(on) {}

  bool on() const { return on_; }
  void SetStep(size_t step) { step_ = step; }

  // As printf, with the number of the step before it.
  template <typename... Arguments>
  void operator()(const char* format, Arguments... arguments) const {
    if (!on_) return;
    std::fprintf(stderr, "%4zu ", step_);
    if constexpr (sizeof...(arguments) == 0) {
      std::fputs(format, stderr);
    } else {
      std::fprintf(stderr, format, arguments...);
    }
    std::fputs("\n", stderr);
  }

 private:
  const bool on_;
  size_t step_ = 0;
};

}  // namespace fuzz
