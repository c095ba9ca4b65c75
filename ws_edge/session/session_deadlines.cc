#include "ws_edge/session/session_deadlines.h"

#include <utility>

#include "ws_edge/session/session.h"

namespace edge {
namespace {

// A sweep that comes this late means that the loop was held up.
constexpr auto kLateSweep = 10 * kSweepInterval;

}  // namespace

void SessionDeadlines::OnClosing(Session* session) {
  const channel::SteadyTime now = clock_.Now();
  closing_.push_back({now + kCloseTimeout, now + kCloseLongest, session->queued_bytes(),
                      session->weak_from_this()});
}

void SessionDeadlines::OnMessageIncomplete(Session* session, bool incomplete) {
  if (incomplete) {
    message_began_.insert_or_assign(session, clock_.Now());
  } else {
    message_began_.erase(session);
  }
}

void SessionDeadlines::OnReadHeld(Session* session) { held_.push_back(session->weak_from_this()); }

// A session that goes on may be held again, for the next sweep.
void SessionDeadlines::LetHeldGoOn() {
  for (const auto& held : std::exchange(held_, {})) {
    const auto session = held.lock();
    if (session == nullptr) continue;
    session->GoOnReading();
    if (session->held()) held_.push_back(held);
  }
}

void SessionDeadlines::Sweep() {
  const channel::SteadyTime now = clock_.Now();
  const bool late = now - last_sweep_ >= kLateSweep;
  last_sweep_ = now;
  LetHeldGoOn();
  if (late) return;

  for (; !closing_.empty() && closing_.front().at <= now; closing_.pop_front()) {
    const Closing& closing = closing_.front();
    const auto session = closing.session.lock();
    if (session == nullptr) continue;
    const size_t queued = session->queued_bytes();
    if (queued > 0 && queued < closing.queued_bytes && now < closing.latest) {
      closing_.push_back({now + kCloseTimeout, closing.latest, queued, session});
    } else {
      session->Abort();
    }
  }
  for (auto& [session, began] : message_began_) {
    if (session->held()) began = now;
    if (began + limits_.message_timeout <= now) session->Close(kClosedForMessageTime);
  }
}

}  // namespace edge
