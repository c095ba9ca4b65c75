#include "ws_edge/net/refusal_log.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace edge {

void RefusalLog::Add(Kind kind, std::string what) {
  State& state = states_[static_cast<size_t>(kind)];
  const channel::SteadyTime now = clock_.Now();
  const bool first_ever = state.written_at == channel::SteadyTime();
  if (state.held_back == 0 && (first_ever || now - state.written_at >= kRefusalLogInterval)) {
    state.written_at = now;
    write_(what);
    return;
  }
  ++state.held_back;
  state.last = std::move(what);
}

void RefusalLog::OnTick() {
  const channel::SteadyTime now = clock_.Now();
  for (State& state : states_) {
    if (state.held_back == 0 || now - state.written_at < kRefusalLogInterval) continue;
    write_(fmt::format("{} more like this within {} s, the last: {}", state.held_back,
                       kRefusalLogInterval.count(), state.last));
    state.written_at = now;
    state.held_back = 0;
    state.last.clear();
  }
}

}  // namespace edge
