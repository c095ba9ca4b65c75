#include "ws_edge/edge_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ws_edge/web_files.h"

namespace edge {

EdgeServer::EdgeServer(boost::asio::io_context& loop, EdgeOptions options,
                       const channel::Clock& clock, prometheus::Registry& registry)
    : options_(std::move(options)),
      clock_(clock),
      metrics_(registry),
      flush_list_(loop),
      poller_(loop, options_.link.addresses),
      link_(options_.link, poller_, clock_, metrics_),
      groups_(options_.limits, metrics_, clock, link_),
      service_notice_(
          loop, clock,
          [this](int part) {
            std::vector<uint64_t> ids;
            for (const auto& [id, session] : buckets_[static_cast<size_t>(part)]) ids.push_back(id);
            return ids;
          },
          [this](uint64_t id) { return FindSession(id); }),
      session_context_{options_.name,
                       options_.instance,
                       link_.acknowledged_in(),
                       options_.limits,
                       metrics_,
                       flush_list_,
                       *this,
                       clock_,
                       service_notice_.away()},
      refusal_log_(clock, [](std::string_view line) { spdlog::warn("{}", line); }),
      places_(options_.limits),
      http_context_{
          options_.name,
          WebFiles(),
          options_.access,
          options_.limits,
          metrics_,
          refusal_log_,
          [this](const Endpoint& client) { return WhyNoPlace(client); },
          [this] { return std::string(unready_summary()); },
          [this](Socket socket, const Upgrade& upgrade) { OnUpgrade(std::move(socket), upgrade); }},
      listener_(loop, [this](Socket socket) { OnConnection(std::move(socket)); }),
      sweep_timer_(loop),
      ping_timer_(loop),
      deadlines_(options_.limits, clock) {}

EdgeServer::~EdgeServer() { poller_.Stop(std::chrono::milliseconds(0)); }

absl::StatusOr<EdgeServer::Endpoint> EdgeServer::Start(const Endpoint& endpoint) {
  auto bound = listener_.Listen(endpoint, channel::Listener::Port::kShared, kReceiveBufferBytes);
  if (!bound.ok()) return bound;
  http_context_.loopback_listener = bound->address().is_loopback();
  link_.Start(&groups_);
  poller_.Start(&link_);
  StartSweepTimer();
  StartPingTimer();
  return bound;
}

void EdgeServer::OnConnection(Socket socket) {
  const auto descriptor = static_cast<size_t>(socket.native_handle());
  boost::system::error_code error;
  const Endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // the client is gone
  const char* why = places_.WhyNoRequest(peer);
  if (descriptor + kLastDescriptors >= options_.limits.descriptors_max) why = "this edge is full";
  if (why != nullptr) {
    metrics_.Refused("503").Increment();
    channel::RefuseConnection(std::move(socket), why);
    return;
  }
  StartHttp(std::move(socket), http_context_, places_.TakeForRequest(peer));
}

std::string EdgeServer::WhyNoPlace(const Endpoint& client) const {
  return draining_ ? "this edge is stopping" : places_.WhyNoSession(client);
}

void EdgeServer::OnUpgrade(Socket socket, const Upgrade& upgrade) {
  const uint64_t id = ++last_session_id_;
  auto session = std::make_shared<Session>(session_context_, id, std::move(socket), upgrade.client);
  BucketOf(id).emplace(id, session);
  places_.OnSessionOpened(upgrade.client);
  metrics_.sessions.Increment();
  metrics_.sessions_opened.Increment();
  session->Start(upgrade.request);
  if (!upgrade.origin_allowed) session->Close(kClosedForOrigin);  // once accepted
}

Session* EdgeServer::FindSession(uint64_t id) {
  const Sessions& bucket = BucketOf(id);
  const auto found = bucket.find(id);
  return found == bucket.end() ? nullptr : found->second.get();
}

void EdgeServer::OnSessionOver(Session* session, const CloseReason& reason) {
  metrics_.SessionsClosed(reason.label).Increment();
  metrics_.sessions.Decrement();
  places_.OnSessionOver(session->client(), session->heard());
  groups_.LeaveAll(*session);
  BucketOf(session->id()).erase(session->id());
}

void EdgeServer::OnCommand(Session* session, Command&& command) {
  if (session->Hear()) places_.OnSessionHeard(session->client());
  groups_.OnCommand(*session, std::move(command));
}

void EdgeServer::OnSessionClosing(Session* session) { deadlines_.OnClosing(session); }

void EdgeServer::OnMessageIncomplete(Session* session, bool incomplete) {
  deadlines_.OnMessageIncomplete(session, incomplete);
}

void EdgeServer::OnReadHeld(Session* session) { deadlines_.OnReadHeld(session); }

std::vector<std::shared_ptr<Session>> EdgeServer::AllSessions() const {
  std::vector<std::shared_ptr<Session>> sessions;
  sessions.reserve(places_.sessions());
  for (const Sessions& bucket : buckets_) {
    for (const auto& [id, session] : bucket) sessions.push_back(session);
  }
  return sessions;
}

void EdgeServer::StartSweepTimer() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    groups_.OnTick();
    deadlines_.Sweep();
    refusal_log_.OnTick();
    if (draining_) {
      DrainSome();
    } else {
      service_notice_.OnTick(link_.up());
    }
    StartSweepTimer();
  });
}

void EdgeServer::StartPingTimer() {
  const auto turn = options_.limits.ping_interval / kPingBuckets;
  next_ping_at_ = clock_.Now() + turn;
  ping_timer_.expires_after(turn);
  ping_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || draining_) return;
    PingNextBucket();
    CloseSilentSessions();
    StartPingTimer();
  });
}

void EdgeServer::PingNextBucket() {
  ++ping_turn_;
  const auto& upstream_timeout = options_.limits.upstream_timeout;
  const channel::SteadyTime oldest = clock_.Now() - upstream_timeout;
  const bool upstream_lost =
      upstream_timeout.count() > 0 && !link_.up() && link_.down_since() < oldest;
  for (const auto& [id, session] : buckets_[ping_turn_ % kPingBuckets]) {
    if (upstream_lost && session->dialect() == Dialect::kEnveloped &&
        session->opened_at() < oldest) {
      session->SayBye(kClosedForUpstream, kReconnectMin, kReconnectMax);
      session->Close(kClosedForUpstream);
    } else {
      session->SendPing();
    }
  }
}

// Looks at the bucket that was pinged pong_timeout ago, rounded up to whole turns.
void EdgeServer::CloseSilentSessions() {
  const auto turn = options_.limits.ping_interval / kPingBuckets;
  // The loop was held up, so what has come meanwhile is read first.
  if (clock_.Now() >= next_ping_at_ + turn) return;
  const auto pong_turns =
      (options_.limits.pong_timeout + turn - std::chrono::milliseconds(1)) / turn;
  const uint64_t checked =
      ping_turn_ + kPingBuckets -
      static_cast<uint64_t>(std::clamp<int64_t>(pong_turns, 1, kPingBuckets - 1));
  for (const auto& [id, session] : buckets_[checked % kPingBuckets]) {
    if (session->silent()) session->Close(kClosedForPong);
  }
}

void EdgeServer::Drain(std::function<void()> done) {
  if (draining_) {
    spdlog::info("second signal: closing {} sessions at once", places_.sessions());
    FinishDrain(std::chrono::milliseconds(0));
    return;
  }
  draining_ = true;
  on_drained_ = std::move(done);
  listener_.Stop();
  to_drain_ = AllSessions();
  spdlog::info("draining {} sessions", to_drain_.size());
  // Many sessions are spread over the drain time; few take less.
  const auto sweeps =
      static_cast<size_t>(std::max<int64_t>(1, options_.limits.drain_time / (2 * kSweepInterval)));
  drain_per_sweep_ = std::max(kDrainSessionsPerSweepMin, to_drain_.size() / sweeps + 1);
  drain_reconnect_max_ = std::clamp(std::chrono::milliseconds(to_drain_.size()),
                                    kDrainReconnectLongestMin, kReconnectMax);
  drain_until_ = clock_.Now() + options_.limits.drain_time;
  DrainSome();
}

void EdgeServer::DrainSome() {
  for (size_t i = 0; i < drain_per_sweep_ && !to_drain_.empty(); ++i) {
    to_drain_.back()->SayBye(kClosedForDrain, kDrainReconnectMin, drain_reconnect_max_);
    to_drain_.back()->Close(kClosedForDrain);
    to_drain_.pop_back();
  }
  const bool late = clock_.Now() >= drain_until_ + kDrainGrace;
  const bool busy = places_.sessions() > 0 || places_.requests() > 0;
  if (busy && !late) return;
  if (places_.sessions() > 0) {
    spdlog::warn("{} sessions did not answer the close", places_.sessions());
  }
  FinishDrain(kDrainPublishTimeout);
}

void EdgeServer::FinishDrain(std::chrono::milliseconds patience) {
  if (on_drained_ == nullptr) return;  // finished already
  for (const auto& session : AllSessions()) {
    groups_.LeaveAll(*session);  // sends on what waited for a join
    session->Abort();
  }
  sweep_timer_.cancel();
  ping_timer_.cancel();
  // The clients' sends are accepted or refused before the process ends.
  poller_.Stop(patience);
  std::exchange(on_drained_, nullptr)();
}

std::string EdgeServer::unready_reason() const {
  std::string why(unready_summary());
  if (!draining_ && !link_.up()) why += ": " + link_.down_reason();
  return why;
}

std::string_view EdgeServer::unready_summary() const {
  if (draining_) return "draining";
  if (!link_.up()) return "the channel service cannot be reached";
  return {};
}

std::string EdgeServer::DescribeSessions() const {
  std::string lines;
  for (const auto& session : AllSessions()) {
    lines += session->Describe(groups_.GroupsOf(*session));
  }
  return lines;
}

}  // namespace edge
