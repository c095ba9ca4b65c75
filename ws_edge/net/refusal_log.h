// Log lines about clients that are refused: the first of a kind at once, then one line for all that
// came in an interval, so that nobody can fill the log from outside.
//
// Owned by the edge server; loop thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "channel_service/base/clock.h"

namespace edge {

inline constexpr std::chrono::seconds kRefusalLogInterval{10};

class RefusalLog {
 public:
  // Each kind has lines of its own.
  enum class Kind { kOrigin, kHost, kForwarded, kProxyProtocol };
  static constexpr size_t kKinds = 4;

  // `write` gets the lines; they are warnings.
  RefusalLog(const channel::Clock& clock, std::function<void(std::string_view)> write)
      : clock_(clock), write_(std::move(write)) {}

  void Add(Kind kind, std::string what);
  // Writes the lines that were held back long enough. It must be called often.
  void OnTick();

 private:
  struct State {
    channel::SteadyTime written_at = {};
    size_t held_back = 0;
    std::string last = {};  // of those that are held back
  };
  const channel::Clock& clock_;
  const std::function<void(std::string_view)> write_;
  std::array<State, kKinds> states_ = {};
};

}  // namespace edge
