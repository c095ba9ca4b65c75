// Tells the sessions of channel.v1.json that the channel service is away, and that it is back.
//
// Owned by the edge server; loop thread only. The link has to be away for kServiceNoticeDelay
// before a notice goes out, and back for as long before the next: a shorter blip tells nobody, and
// a link that flaps makes at most one notice in that time. Sessions are told kNoticesPerTurnMax in
// a turn of the loop; with those 100,000 take about a second. Each session knows what it was told
// last, so a change on the way begins again at the first, and nobody hears the same twice.
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
  // The sessions in parts 0 to kPingBuckets - 1: the ids of a part, and a session by its id (null:
  // it is gone).
  using IdsOfPart = std::function<std::vector<uint64_t>(int part)>;
  using FindSession = std::function<Session*(uint64_t id)>;

  ServiceNotice(boost::asio::io_context& loop, const channel::Clock& clock, IdsOfPart ids_of_part,
                FindSession find_session);

  // What sessions are told: those that open now, and sooner or later all.
  const bool& away() const { return away_; }

  // Each kSweepInterval: is the link up?
  void OnTick(bool up);

 private:
  void TellSome();

  boost::asio::io_context& loop_;
  const channel::Clock& clock_;
  const IdsOfPart ids_of_part_;
  const FindSession find_session_;
  bool away_ = false;
  std::optional<channel::SteadyTime> otherwise_since_;  // the link is not as was told
  int next_part_ = kPingBuckets;                        // kPingBuckets: all are told
  std::vector<uint64_t> untold_;                        // of the part before it
  bool posted_ = false;
  // Posted handlers may run when this is gone.
  std::shared_ptr<ServiceNotice*> self_ = std::make_shared<ServiceNotice*>(this);
};

}  // namespace edge
