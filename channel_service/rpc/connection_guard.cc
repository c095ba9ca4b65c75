#include "channel_service/rpc/connection_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "channel_service/base/address.h"
#include "channel_service/base/strings.h"
#include "channel_service/rpc/socket_counters.h"

namespace channel {
namespace {

constexpr int kEventsMax = 256;

// A connection that holds the loop has read more than this in the second half of kPollCpuMax; what
// the others sent in the last moment is less.
constexpr uint64_t kReaderBytesMin = 4096;

// Addresses whose rules are remembered.
constexpr size_t kAddressesMax = 4096;

// A connection that has wasted a call within this time has its part in what the address did.
constexpr std::chrono::seconds kWastedWithin{2};

// Connections that are gone and still known.
constexpr size_t kGoneMax = 4096;

}  // namespace

absl::Status FewDescriptorsError() {
  return absl::ResourceExhaustedError(
      "almost no file descriptors are left (raise the limit: ulimit -n)");
}

ConnectionGuard::ConnectionGuard(prometheus::Registry& registry, size_t connections_max,
                                 size_t message_bytes_max)
    : unexplained_max_(UnexplainedBytesMax(message_bytes_max)),
      unexplained_total_max_(UnexplainedBytesTotalMax(message_bytes_max)),
      connections_(connections_max) {
  for (int i = 0; i < kCutReasons; ++i) {
    cuts_[i] = &AddCounter(registry, "channel_service_connections_cut_total",
                           "Connections that were ended for what their peers sent",
                           {{"reason", ToString(static_cast<CutReason>(i))}});
  }
}

ConnectionGuard::~ConnectionGuard() {
  Stop();
  for (const int fd : {epoll_, stop_}) {
    if (fd >= 0) ::close(fd);
  }
}

absl::Status ConnectionGuard::Open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (epoll_ < 0 || stop_ < 0) {
    return absl::UnavailableError("no file descriptors for the guard of connections");
  }
  return absl::OkStatus();
}

void ConnectionGuard::Start(std::function<LoopPlace()> loop_place) {
  loop_place_ = std::move(loop_place);
  thread_ = std::thread([this] { Run(); });
}

void ConnectionGuard::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof one);
  thread_.join();
}

absl::Status ConnectionGuard::Admit(int descriptor, const Endpoint& peer, int descriptor_end) {
  const auto now = std::chrono::steady_clock::now();
  const PeerAddress address = AddressOf(peer);
  const std::lock_guard lock(mutex_);
  absl::erase_if(refused_until_, [now](const auto& entry) { return entry.second <= now; });
  if (refused_until_.contains(address)) {
    return absl::PermissionDeniedError("a connection of this address was cut a moment ago");
  }
  const int duplicate = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0 || duplicate >= descriptor_end) {
    if (duplicate >= 0) ::close(duplicate);
    return FewDescriptorsError();
  }
  const auto connection = std::make_shared<GuardedConnection>(
      ++last_id_, peer, duplicate, ConnectionRules(now, unexplained_max_));
  if (!connections_.Take(address)) {
    return absl::ResourceExhaustedError(
        "this address has half of the connections that others leave free (raise the limit: ulimit "
        "-n)");
  }
  by_id_[connection->id] = connection;
  by_name_[connection->name] = connection;
  epoll_event events{};
  // With EPOLLET each arrival is an event, once; with EPOLLOUT it is one also if gRPC has read all.
  events.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  events.data.u64 = connection->id;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, duplicate, &events);
  return absl::OkStatus();
}

std::shared_ptr<ConnectionTally> ConnectionGuard::Find(std::string_view peer) const {
  // "unix:", or "unix-abstract:…" of a client that has bound its end to a name.
  if (peer.starts_with("unix")) return unix_tally_;
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(ToAbsl(peer));
  return found == by_name_.end() ? nullptr : found->second->tally;
}

void ConnectionGuard::Run() {
  while (true) {
    // Sleeps until a connection receives something; but not while the loop may be held: a peer
    // whose bytes fill the kernel's buffer sends no more until the loop has read them.
    pollfd waits[] = {{epoll_, POLLIN, 0}, {stop_, POLLIN, 0}};
    const bool is_due = poll_watch_.IsBusy(loop_place_()) || crowds_.pacing();
    const int timeout = is_due ? 0 : -1;
    if (::poll(waits, 2, timeout) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
    LookAtActive(std::chrono::steady_clock::now());
    LookAtLoop(std::chrono::steady_clock::now());
    if (crowds_.IsDue(std::chrono::steady_clock::now(), loop_place_().cpu)) {
      crowds_.Pace(Connections());
    }
    const int pause = static_cast<int>(kGuardInterval.count());
    if (::poll(&waits[1], 1, pause) > 0) return;
  }
}

void ConnectionGuard::LookAtActive(SteadyTime now) {
  std::array<epoll_event, kEventsMax> events;
  const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, 0);
  for (size_t i = 0; i < static_cast<size_t>(std::max(count, 0)); ++i) {
    GuardedConnectionPtr connection;
    {
      const std::lock_guard lock(mutex_);
      const auto found = by_id_.find(events[i].data.u64);
      if (found == by_id_.end()) continue;
      connection = found->second;
    }
    if ((events[i].events & (EPOLLHUP | EPOLLERR)) != 0) {
      OnGone(connection, now);
    } else {
      Judge(connection, now);
    }
  }
  LookAtGone(now);
  if (unexplained_bytes_ > unexplained_total_max_) CutHeaviest(now);
}

// gRPC hands out what a connection has called also when it is gone: a client that calls, closes and
// comes back would cost as much as one that stays.
void ConnectionGuard::LookAtGone(SteadyTime now) {
  while (!gone_.empty() &&
         (gone_.front()->removed_at + kGoneKnown <= now || gone_.size() > kGoneMax)) {
    const GuardedConnectionPtr oldest = gone_.front();
    gone_.pop_front();
    const std::lock_guard lock(mutex_);
    // The port may have come back with another connection.
    const auto found = by_name_.find(oldest->name);
    if (found != by_name_.end() && found->second == oldest) by_name_.erase(found);
  }
  const std::deque<GuardedConnectionPtr> gone = gone_;  // a cut adds some
  for (const GuardedConnectionPtr& connection : gone) JudgeWaste(connection, now);
}

void ConnectionGuard::Judge(const GuardedConnectionPtr& connection, SteadyTime now) {
  if (connection->removed) return;
  if (Look(*connection, now)) {
    Cut(connection, CutReason::kUnexplainedBytes, now);
  } else {
    JudgeWaste(connection, now);
  }
}

void ConnectionGuard::JudgeWaste(const GuardedConnectionPtr& connection, SteadyTime now) {
  const uint64_t wasted = connection->tally->wasted();
  const uint64_t more = wasted - std::exchange(connection->wasted_calls, wasted);
  if (more == 0) return;
  connection->wasted_at = now;
  if (RulesOf(connection->tally->address(), now).AddWasted(more, now)) {
    Cut(connection, CutReason::kWastedCalls, now);
  }
}

void ConnectionGuard::OnGone(const GuardedConnectionPtr& connection, SteadyTime now) {
  Judge(connection, now);
  if (connection->removed) return;
  if (connection->IsNoise() && RulesOf(connection->tally->address(), now)
                                   .AddNoise(connection->rules.unexplained_bytes(), now)) {
    Cut(connection, CutReason::kAddressNoise, now);
  } else {
    Remove(connection, now);
  }
}

AddressRules& ConnectionGuard::RulesOf(PeerAddress address, SteadyTime now) {
  if (address_rules_.size() >= kAddressesMax && !address_rules_.contains(address)) {
    absl::erase_if(address_rules_, [now](auto& entry) { return entry.second.IsOver(now); });
    if (address_rules_.size() >= kAddressesMax) address_rules_.erase(address_rules_.begin());
  }
  return address_rules_[address];
}

bool ConnectionGuard::Look(GuardedConnection& connection, SteadyTime now) {
  if (connection.removed) return false;
  ConnectionLook look{.at = now, .read_bytes = connection.read_bytes};
  look.explained_bytes = connection.tally->explained_bytes();
  look.open_calls = connection.tally->open_calls();
  if (!ReadCounters(connection.descriptor, &look)) return false;
  connection.read_bytes = look.read_bytes;
  unexplained_bytes_ -= connection.rules.unexplained_bytes();
  const bool too_much = connection.rules.Judge(look);
  unexplained_bytes_ += connection.rules.unexplained_bytes();
  return too_much;
}

void ConnectionGuard::CutHeaviest(SteadyTime now) {
  // Connections that were not looked at lately may have explained their bytes meanwhile.
  for (const GuardedConnectionPtr& connection : Connections()) Judge(connection, now);
  if (unexplained_bytes_ <= unexplained_total_max_) return;
  absl::flat_hash_map<PeerAddress, uint64_t> sums;
  std::vector<GuardedConnectionPtr> connections = Connections();
  for (const GuardedConnectionPtr& connection : connections) {
    sums[connection->tally->address()] += connection->rules.unexplained_bytes();
  }
  std::sort(connections.begin(), connections.end(),
            [&sums](const GuardedConnectionPtr& a, const GuardedConnectionPtr& b) {
              const auto rank = [&sums](const GuardedConnectionPtr& connection) {
                const PeerAddress address = connection->tally->address();
                return std::tuple(sums[address], address, connection->rules.unexplained_bytes());
              };
              return rank(a) > rank(b);
            });
  for (const GuardedConnectionPtr& connection : connections) {
    if (unexplained_bytes_ <= unexplained_total_max_) return;
    if (!connection->removed) Cut(connection, CutReason::kUnexplainedBytes, now);
  }
}

void ConnectionGuard::LookAtLoop(SteadyTime now) {
  const LoopPlace place = loop_place_();
  const PollWatch::Verdict verdict = poll_watch_.Judge(place);
  if (verdict == PollWatch::Verdict::kTurns) {
    suspected_.reset();
  } else if (!suspected_.has_value()) {
    suspected_ = place;
    for (const GuardedConnectionPtr& connection : Connections()) {
      ConnectionLook look;
      if (ReadCounters(connection->descriptor, &look)) {
        connection->read_bytes_noted = look.read_bytes;
      }
    }
  } else if (verdict == PollWatch::Verdict::kHeld) {
    CutReader(place, now);
    poll_watch_.Restart();
    suspected_.reset();
  }
}

// While the loop is inside one poll gRPC reads one connection, or some that complete no message:
// the one that brought most is cut, unless all they brought are bytes of large messages.
void ConnectionGuard::CutReader(const LoopPlace& place, SteadyTime now) {
  GuardedConnectionPtr reader;
  uint64_t most = kReaderBytesMin;
  uint64_t all = 0;
  for (const GuardedConnectionPtr& connection : Connections()) {
    ConnectionLook look{.read_bytes = connection->read_bytes_noted};
    if (!ReadCounters(connection->descriptor, &look)) continue;
    const uint64_t read = look.read_bytes - connection->read_bytes_noted;
    all += read;
    if (read > most) {
      most = read;
      reader = connection;
    }
  }
  if (loop_place_().polls != place.polls) return;  // it has gone on, and has read from others
  if (all * kPollCpuPerByte >= place.cpu - suspected_->cpu) return;
  if (reader != nullptr) Cut(reader, CutReason::kHeldLoop, now);
}

void ConnectionGuard::Cut(const GuardedConnectionPtr& connection, CutReason reason,
                          SteadyTime now) {
  if (const auto left_out = cuts_log_.Pass(now); left_out.has_value()) {
    spdlog::warn(
        "connection of {} cut: {} (rpc/guard_rules.h); its address is refused for {} s; {} more "
        "cuts since the last such line",
        ToString(connection->peer), ToString(reason), kCutPause.count(), *left_out);
  }
  {
    const std::lock_guard lock(mutex_);
    refused_until_[connection->tally->address()] = now + kCutPause;
  }
  address_rules_.erase(connection->tally->address());
  if (!connection->removed) CutOne(connection, reason, now);
  for (const GuardedConnectionPtr& other : Connections()) {
    if (other->tally->address() != connection->tally->address()) continue;
    Look(*other, now);  // its last message may have come since the last look
    const bool wastes = reason == CutReason::kWastedCalls && now - other->wasted_at < kWastedWithin;
    if (other->IsNoise() || wastes) CutOne(other, reason, now);
  }
}

void ConnectionGuard::CutOne(const GuardedConnectionPtr& connection, CutReason reason,
                             SteadyTime now) {
  cuts_[static_cast<int>(reason)]->Increment();
  ResetConnection(connection->descriptor);
  Remove(connection, now);
}

void ConnectionGuard::Remove(const GuardedConnectionPtr& connection, SteadyTime now) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection->descriptor, nullptr);
  const std::lock_guard lock(mutex_);
  if (by_id_.erase(connection->id) == 0) return;
  connection->removed = true;
  connection->removed_at = now;
  connection->tally->OnGone();
  connection->Close();
  gone_.push_back(connection);
  unexplained_bytes_ -= connection->rules.unexplained_bytes();
  connections_.Give(connection->tally->address());
}

std::vector<GuardedConnectionPtr> ConnectionGuard::Connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<GuardedConnectionPtr> connections;
  connections.reserve(by_id_.size());
  for (const auto& [id, connection] : by_id_) connections.push_back(connection);
  return connections;
}

}  // namespace channel
