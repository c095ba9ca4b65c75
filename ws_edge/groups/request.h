// A request that a member waits for: to begin, for history, or to go on after it was slow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "channel_service/base/clock.h"
#include "channel_service/model/publication.h"
#include "ws_edge/groups/participant.h"

namespace edge {

struct Request {
  enum class Kind : uint8_t {
    kJoin,
    kHistory,
    kCatchUp,  // a member that is late goes on when it has read enough
  };

  Kind kind;
  Participant* participant;
  std::string command_id = {};
  std::optional<channel::StreamPosition> since = std::nullopt;
  uint32_t last = 0;
  uint32_t limit = 0;
  channel::SteadyTime began_at = {};
  bool fetched = false;  // the channel service was asked since the request came

  bool from_now_on() const { return kind == Kind::kJoin && !since && last == 0; }
  bool has_no_position() const {
    return !since && !from_now_on();
  }  // all that is held, or the newest
  // Returns whether it is answered at once, so that all that it asks for must be here.
  bool wants_whole() const { return has_no_position() || kind == Kind::kHistory; }
};

}  // namespace edge
