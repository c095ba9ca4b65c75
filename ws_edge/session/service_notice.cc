#include "ws_edge/session/service_notice.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "ws_edge/session/session.h"

namespace edge {

ServiceNotice::ServiceNotice(boost::asio::io_context& loop, const channel::Clock& clock,
                             IdsOfPart ids_of_part, FindSession find_session)
    : loop_(loop),
      clock_(clock),
      ids_of_part_(std::move(ids_of_part)),
      find_session_(std::move(find_session)) {}

void ServiceNotice::OnTick(bool up) {
  if (up != away_) {
    otherwise_since_.reset();
    return;
  }
  const channel::SteadyTime now = clock_.Now();
  if (!otherwise_since_.has_value()) otherwise_since_ = now;
  if (now - *otherwise_since_ < kServiceNoticeDelay) return;
  otherwise_since_.reset();
  away_ = !up;
  next_part_ = 0;
  untold_.clear();
  TellSome();
}

void ServiceNotice::TellSome() {
  size_t looked_at = 0;
  while (looked_at < kNoticesPerTurnMax) {
    if (untold_.empty()) {
      if (next_part_ == kPingBuckets) return;
      untold_ = ids_of_part_(next_part_++);
      continue;
    }
    if (Session* session = find_session_(untold_.back())) session->TellService(!away_);
    untold_.pop_back();
    ++looked_at;
  }
  if (std::exchange(posted_, true)) return;
  boost::asio::post(loop_, [weak = std::weak_ptr<ServiceNotice*>(self_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    (*self)->posted_ = false;
    (*self)->TellSome();
  });
}

}  // namespace edge
