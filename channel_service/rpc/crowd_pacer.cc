#include "channel_service/rpc/crowd_pacer.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "channel_service/rpc/socket_counters.h"

namespace channel {
namespace {

constexpr std::chrono::milliseconds kWindow{20};
// A crowd is paced so long after it was one last.
constexpr std::chrono::seconds kPaceTime{1};

// In a window in which the loop was busy at least half of the time, an address is a crowd with at
// least so many calls on so many connections, and two thirds of all calls.
constexpr uint64_t kCrowdCalls = 60;
constexpr uint64_t kCrowdConnections = 4;

// Connections of a crowd are read until these have so many bytes: a call has 40 at least. Each has
// its turn within a second.
constexpr uint64_t kBytesAtATime = 4 << 10;
constexpr size_t kTurnsPerRound = 100;

}  // namespace

bool CrowdPacer::IsDue(SteadyTime now, std::chrono::nanoseconds loop_cpu) {
  window_is_over_ = now - at_ >= kWindow;
  if (window_is_over_) {
    was_busy_ = busy_ && now - at_ < 2 * kWindow;
    busy_ = 2 * (loop_cpu - loop_cpu_) >= now - at_;
    at_ = now;
    loop_cpu_ = loop_cpu;
  }
  return pacing() || (window_is_over_ && busy_);
}

void CrowdPacer::Pace(const std::vector<GuardedConnectionPtr>& connections) {
  if (window_is_over_ && busy_) {
    const PeerAddress crowd = FindCrowd(connections);
    if (was_busy_ && crowd != PeerAddress::kNobody && (crowd == crowd_ || !pacing())) {
      crowd_ = crowd;
      paced_until_ = at_ + kPaceTime;
    }
  }
  if (!pacing()) return;
  std::vector<GuardedConnectionPtr> members;
  const bool over = at_ >= paced_until_;
  for (const GuardedConnectionPtr& connection : connections) {
    if (connection->tally->address() != crowd_) continue;
    if (over) {
      HoldBack(connection.get(), false);
    } else {
      members.push_back(connection);
    }
  }
  if (over) {
    crowd_ = PeerAddress::kNobody;
  } else {
    Take(members);
  }
}

PeerAddress CrowdPacer::FindCrowd(const std::vector<GuardedConnectionPtr>& connections) {
  struct Sum {
    uint64_t calls = 0;
    uint64_t connections = 0;
  };
  absl::flat_hash_map<PeerAddress, Sum> sums;
  uint64_t all = 0;
  for (const GuardedConnectionPtr& connection : connections) {
    const uint64_t calls = connection->tally->calls();
    const uint64_t more = calls - std::exchange(connection->calls_noted, calls);
    if (more == 0) continue;
    Sum& sum = sums[connection->tally->address()];
    sum.calls += more;
    ++sum.connections;
    all += more;
  }
  for (const auto& [address, sum] : sums) {
    if (sum.calls >= kCrowdCalls && sum.connections >= kCrowdConnections &&
        3 * sum.calls >= 2 * all)
      return address;
  }
  return PeerAddress::kNobody;
}

void CrowdPacer::HoldBack(GuardedConnection* connection, bool hold) {
  if (std::exchange(connection->held_back, hold) != hold) {
    SetReadable(connection->descriptor, !hold);
  }
}

// Lets those be read that come after the last one, in the order of their numbers.
void CrowdPacer::Take(std::vector<GuardedConnectionPtr> members) {
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a->id < b->id; });
  const auto next = std::find_if(members.begin(), members.end(),
                                 [this](const auto& member) { return member->id > last_read_; });
  std::rotate(members.begin(), next, members.end());
  uint64_t bytes = 0;
  size_t taken = 0;
  const size_t at_least = members.size() / kTurnsPerRound + 1;
  for (const GuardedConnectionPtr& member : members) {
    const bool read = taken < at_least || bytes < kBytesAtATime;
    if (read) {
      bytes += UnreadBytes(member->descriptor);
      last_read_ = member->id;
      ++taken;
    }
    HoldBack(member.get(), !read);
  }
}

}  // namespace channel
