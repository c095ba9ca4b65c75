// Tells the sessions of channel.v1.json that the channel service is away, and that it is back.
//
// Owned by the edge server; loop thread only. The link has to be away for kServiceNoticeDelay
// before a notice goes out, and back for as long before the next: a shorter blip tells nobody, and
// a link that flaps makes at most one notice in that time. Sessions are told kNoticesPerTurnMax in
// a turn of the loop; with those 100,000 take about a second. Each session knows what it was told
// last, so a change in the middle begins again at the first session, and no session hears the same
// twice.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"

namespace edge {

class Session;

class ServiceNotice {
 public:
  // The sessions are in parts 0 to kPingBuckets - 1. IdsOfPart gives the ids of a part, FindSession
  // a session by its id (null: it is gone).
  using IdsOfPart = std::function<std::vector<uint64_t>(int part)>;
  using FindSession = std::function<Session*(uint64_t id)>;

  ServiceNotice(boost::asio::io_context& loop, const channel::Clock& clock, IdsOfPart ids_of_part,
                FindSession find_session);

  // The state that sessions are told: at once when they open, the others in turn.
  const bool& away() const { return away_; }

  // Must be called each kSweepInterval with the link's state.
  void OnTick(bool up);

 private:
  void TellSome();

  boost::asio::io_context& loop_;
  const channel::Clock& clock_;
  const IdsOfPart ids_of_part_;
  const FindSession find_session_;
  bool away_ = false;
  std::optional<channel::SteadyTime> otherwise_since_;  // the link differs from what was told
  int next_part_ = kPingBuckets;                        // kPingBuckets: all are told
  std::vector<uint64_t> untold_;                        // the rest of the part before it
  bool posted_ = false;
  // Posted handlers may run when this object is gone.
  std::shared_ptr<ServiceNotice*> self_ = std::make_shared<ServiceNotice*>(this);
};

}  // namespace edge
