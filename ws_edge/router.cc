#include "ws_edge/router.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/protocol/encode.h"
#include "ws_edge/session.h"

namespace edge {

// A group with at least one member on this edge.
class GroupMembers {
 public:
  // A send that waits until the subscription is confirmed.
  struct Waiting {
    uint64_t session_id;
    std::string message;
    channel::SteadyTime since;
    size_t bytes() const { return message.size() + sizeof(Waiting); }
  };

  const std::string id;
  const uint64_t tag;
  bool confirmed = false;
  std::vector<Session*> members = {};
  std::deque<Waiting> waiting = {};
};

Router::Router(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock,
               Upstream& upstream, FindSession find_session)
    : limits_(limits),
      metrics_(metrics),
      clock_(clock),
      upstream_(upstream),
      find_session_(std::move(find_session)) {}

Router::~Router() = default;

GroupMembers* Router::Find(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  return found == group_by_id_.end() ? nullptr : found->second.get();
}

bool Router::Join(Session* session, std::string_view group_id) {
  auto& memberships = session->memberships();
  GroupMembers* group = Find(group_id);
  const auto is_of_group = [&](const Session::Membership& m) { return m.group == group; };
  if (group != nullptr && std::any_of(memberships.begin(), memberships.end(), is_of_group)) {
    return true;
  }
  if (memberships.size() >= limits_.groups_per_connection_max) return false;
  if (group == nullptr) {
    if (group_by_id_.size() >= kGroupsMax) return false;
    auto owned = std::make_unique<GroupMembers>(
        GroupMembers{.id = std::string(group_id), .tag = ++last_tag_});
    group = owned.get();
    group_by_id_.emplace(std::string_view(group->id), std::move(owned));
    upstream_.Subscribe(group->id, group->tag);
    metrics_.groups.Increment();
  }
  memberships.push_back({group, static_cast<uint32_t>(group->members.size())});
  group->members.push_back(session);
  metrics_.memberships.Increment();
  return true;
}

void Router::Leave(Session* session, std::string_view group_id) {
  GroupMembers* group = Find(group_id);
  auto& memberships = session->memberships();
  for (size_t i = 0; group != nullptr && i < memberships.size(); ++i) {
    if (memberships[i].group == group) {
      RemoveMember(session, i);
      return;
    }
  }
}

void Router::LeaveAll(Session* session) {
  while (!session->memberships().empty()) RemoveMember(session, session->memberships().size() - 1);
}

void Router::RemoveMember(Session* session, size_t membership) {
  auto& memberships = session->memberships();
  const auto [group, index] = memberships[membership];
  memberships[membership] = memberships.back();
  memberships.pop_back();

  // The last member takes the place of the one that goes.
  Session* const moved = group->members.back();
  group->members[index] = moved;
  group->members.pop_back();
  if (moved != session) {
    for (Session::Membership& m : moved->memberships()) {
      if (m.group == group) m.index = index;
    }
  }
  metrics_.memberships.Decrement();
  if (!group->members.empty()) return;

  ForwardWaiting(group);  // nobody is left who would have to see it
  upstream_.Unsubscribe(group->id);
  metrics_.groups.Decrement();
  group_by_id_.erase(group->id);
}

void Router::Send(Session* session, std::string_view group_id, std::string message) {
  GroupMembers* group = Find(group_id);
  if (group == nullptr || group->confirmed) {
    Forward(group_id, message, session->id());
    return;
  }
  GroupMembers::Waiting waiting{session->id(), std::move(message), clock_.Now()};
  if (waiting_bytes_ + waiting.bytes() > limits_.publish_queue_bytes_max) {
    OnPublishRefused(session->id(), ErrorCode::kUnavailable,
                     "too much is waiting for the channel service; try again later");
    return;
  }
  waiting_bytes_ += waiting.bytes();
  group->waiting.push_back(std::move(waiting));
  groups_with_waiting_.insert(group);
}

void Router::Forward(std::string_view group_id, std::string_view message, uint64_t session_id) {
  if (!upstream_.Publish(group_id, message, session_id)) {
    OnPublishRefused(session_id, ErrorCode::kUnavailable,
                     "too much is waiting for the channel service; try again later");
  }
}

void Router::ForwardWaiting(GroupMembers* group) {
  if (groups_with_waiting_.erase(group) == 0) return;
  for (const GroupMembers::Waiting& waiting : group->waiting) {
    waiting_bytes_ -= waiting.bytes();
    Forward(group->id, waiting.message, waiting.session_id);
  }
  group->waiting.clear();
}

void Router::OnSubscribed(const channel::v1::Subscribed& subscribed) {
  GroupMembers* group = Find(subscribed.group_id());
  if (group == nullptr || group->tag != subscribed.tag()) return;
  group->confirmed = true;
  ForwardWaiting(group);
}

void Router::OnPublication(const channel::v1::Publication& publication) {
  metrics_.records_received.Increment();
  GroupMembers* group = Find(publication.group_id());
  if (group == nullptr) return;  // the last member has just left
  const FramePtr frame = EncodePlain(publication);
  // Delivering may close a slow session, but it leaves its groups only when it is over: the list of
  // members does not change here.
  for (Session* member : group->members) member->Deliver(frame);
  metrics_.deliveries.Increment(static_cast<double>(group->members.size()));
}

void Router::OnPublishRefused(uint64_t session_id, ErrorCode code, std::string_view why) {
  metrics_.publications_refused.Increment();
  if (Session* session = find_session_(session_id)) session->SendError(code, why);
}

void Router::OnTick() {
  const channel::SteadyTime oldest = clock_.Now() - limits_.publish_timeout;
  std::vector<uint64_t> refused;
  for (GroupMembers* group : groups_with_waiting_) {
    while (!group->waiting.empty() && group->waiting.front().since < oldest) {
      waiting_bytes_ -= group->waiting.front().bytes();
      refused.push_back(group->waiting.front().session_id);
      group->waiting.pop_front();
    }
  }
  for (const uint64_t session_id : refused) {
    OnPublishRefused(session_id, ErrorCode::kUnavailable,
                     "the channel service could not be reached in time");
  }
}

}  // namespace edge
