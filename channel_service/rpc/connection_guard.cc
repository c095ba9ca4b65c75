#include "channel_service/rpc/connection_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "channel_service/base/address.h"
#include "channel_service/base/strings.h"
#include "channel_service/rpc/socket_counters.h"

namespace channel {
namespace {

constexpr int kEventsMax = 256;

// A connection that holds the loop has read more than this in 20 ms of the loop's CPU time; what
// the others sent in the last moment is less.
constexpr uint64_t kReaderBytesMin = 4096;

// Less is no noise: the last message may not have been handled yet.
constexpr uint64_t kNoiseBytesMin = 64 << 10;

// Addresses whose rules are remembered.
constexpr size_t kAddressesMax = 4096;

// A connection that has wasted a call within this time has its part in what the address did.
constexpr std::chrono::seconds kWastedWithin{2};

}  // namespace

absl::Status FewDescriptorsError() {
  return absl::ResourceExhaustedError(
      "almost no file descriptors are left (raise the limit: ulimit -n)");
}

struct ConnectionGuard::Connection {
  Connection(uint64_t number, const Endpoint& endpoint, int duplicate,
             const ConnectionRules& its_rules)
      : id(number),
        peer(endpoint),
        name(GrpcPeerName(endpoint)),
        descriptor(duplicate),
        tally(std::make_shared<ConnectionTally>(AddressOf(endpoint))),
        rules(its_rules) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(descriptor); }

  // Returns whether it has brought no message, or little of what it has sent was one.
  bool IsNoise() const {
    return tally->explained_bytes() == 0 ||
           rules.unexplained_bytes() > std::max(read_bytes / 2, kNoiseBytesMin);
  }

  const uint64_t id;
  const Endpoint peer;
  const std::string name;
  const int descriptor;
  const std::shared_ptr<ConnectionTally> tally;
  // The guard's thread alone.
  ConnectionRules rules;
  uint64_t read_bytes = 0;
  uint64_t read_bytes_noted = 0;  // when the loop began to seem held
  uint64_t wasted_calls = 0;
  SteadyTime wasted_at = {};
  bool removed = false;
};

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
  const auto connection = std::make_shared<Connection>(++last_id_, peer, duplicate,
                                                       ConnectionRules(now, unexplained_max_));
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
    // Sleeps until a connection receives something.
    pollfd waits[] = {{epoll_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
    LookAtActive(std::chrono::steady_clock::now());
    LookAtLoop(std::chrono::steady_clock::now());
    const int pause = static_cast<int>(kGuardInterval.count());
    if (::poll(&waits[1], 1, pause) > 0) return;
  }
}

void ConnectionGuard::LookAtActive(SteadyTime now) {
  std::array<epoll_event, kEventsMax> events;
  const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, 0);
  for (size_t i = 0; i < static_cast<size_t>(std::max(count, 0)); ++i) {
    ConnectionPtr connection;
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
  if (unexplained_bytes_ > unexplained_total_max_) CutHeaviest(now);
}

void ConnectionGuard::Judge(const ConnectionPtr& connection, SteadyTime now) {
  if (connection->removed) return;
  if (Look(*connection, now)) {
    Cut(connection, CutReason::kUnexplainedBytes, now);
    return;
  }
  const uint64_t wasted = connection->tally->wasted();
  const uint64_t more = wasted - std::exchange(connection->wasted_calls, wasted);
  if (more == 0) return;
  connection->wasted_at = now;
  if (RulesOf(connection->tally->address(), now).AddWasted(more, now)) {
    Cut(connection, CutReason::kWastedCalls, now);
  }
}

void ConnectionGuard::OnGone(const ConnectionPtr& connection, SteadyTime now) {
  Judge(connection, now);
  if (connection->removed) return;
  if (connection->IsNoise() && RulesOf(connection->tally->address(), now)
                                   .AddNoise(connection->rules.unexplained_bytes(), now)) {
    Cut(connection, CutReason::kAddressNoise, now);
  } else {
    Remove(connection);
  }
}

AddressRules& ConnectionGuard::RulesOf(const PeerAddress& address, SteadyTime now) {
  if (address_rules_.size() >= kAddressesMax && !address_rules_.contains(address)) {
    absl::erase_if(address_rules_, [now](auto& entry) { return entry.second.IsOver(now); });
    if (address_rules_.size() >= kAddressesMax) address_rules_.erase(address_rules_.begin());
  }
  return address_rules_[address];
}

bool ConnectionGuard::Look(Connection& connection, SteadyTime now) {
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
  for (const ConnectionPtr& connection : Connections()) Judge(connection, now);
  if (unexplained_bytes_ <= unexplained_total_max_) return;
  const auto connections = Connections();
  const auto heaviest = std::max_element(
      connections.begin(), connections.end(), [](const ConnectionPtr& a, const ConnectionPtr& b) {
        return a->rules.unexplained_bytes() < b->rules.unexplained_bytes();
      });
  if (heaviest != connections.end()) Cut(*heaviest, CutReason::kUnexplainedBytes, now);
}

void ConnectionGuard::LookAtLoop(SteadyTime now) {
  const LoopPlace place = loop_place_();
  const PollWatch::Verdict verdict = poll_watch_.Judge(place);
  if (verdict == PollWatch::Verdict::kTurns) {
    suspected_.reset();
  } else if (!suspected_.has_value()) {
    suspected_ = place;
    for (const ConnectionPtr& connection : Connections()) {
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
  ConnectionPtr reader;
  uint64_t most = kReaderBytesMin;
  uint64_t all = 0;
  for (const ConnectionPtr& connection : Connections()) {
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

void ConnectionGuard::Cut(const ConnectionPtr& connection, CutReason reason, SteadyTime now) {
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
  CutOne(connection, reason);
  for (const ConnectionPtr& other : Connections()) {
    if (other->tally->address() != connection->tally->address()) continue;
    Look(*other, now);  // its last message may have come since the last look
    const bool wastes = reason == CutReason::kWastedCalls && now - other->wasted_at < kWastedWithin;
    if (other->IsNoise() || wastes) CutOne(other, reason);
  }
}

void ConnectionGuard::CutOne(const ConnectionPtr& connection, CutReason reason) {
  cuts_[static_cast<int>(reason)]->Increment();
  ResetConnection(connection->descriptor);
  Remove(connection);
}

void ConnectionGuard::Remove(const ConnectionPtr& connection) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection->descriptor, nullptr);
  const std::lock_guard lock(mutex_);
  if (by_id_.erase(connection->id) == 0) return;
  connection->removed = true;
  unexplained_bytes_ -= connection->rules.unexplained_bytes();
  connections_.Give(connection->tally->address());
  // The port may have come back with another connection already.
  const auto found = by_name_.find(connection->name);
  if (found != by_name_.end() && found->second == connection) by_name_.erase(found);
}

std::vector<ConnectionGuard::ConnectionPtr> ConnectionGuard::Connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<ConnectionPtr> connections;
  connections.reserve(by_id_.size());
  for (const auto& [id, connection] : by_id_) connections.push_back(connection);
  return connections;
}

}  // namespace channel
