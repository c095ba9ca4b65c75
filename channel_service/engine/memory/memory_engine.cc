#include "channel_service/engine/memory/memory_engine.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/base/heap.h"

namespace channel {
namespace {

// Groups that one tick may evict, so that a tick never holds the loop up (about 5 ms).
constexpr int kAgedOutPerTickMax = 20'000;

// Size of the filter that knows evicted groups (forgotten_groups.h).
constexpr size_t kForgottenShare = 128;  // of the bound of all history; it is not counted
constexpr size_t kForgottenBytesMin = 4 << 10;
constexpr size_t kForgottenBytesMax = 64 << 20;

// 12 characters of base 32 without letters that look alike: 60 bits.
std::string MakeEpoch(uint64_t seed) {
  constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz023456789";
  static_assert(kAlphabet.size() == 32);
  std::string epoch;
  for (int i = 0; i < 12; ++i, seed >>= 5) epoch.push_back(kAlphabet[seed & 31]);
  return epoch;
}

}  // namespace

size_t MemoryEngine::Group::HeldBytes() const {
  // Its place in the map, which is at least 7/16 full, with a byte of the map's own.
  constexpr size_t kPlaceBytes = (sizeof(std::string_view) + sizeof(void*) + 1) * 16 / 7;
  return HeapBytes(sizeof(Group)) + NameBytes() + kPlaceBytes;
}

size_t MemoryEngine::Group::NameBytes() const {
  const bool apart = id.capacity() > std::string().capacity();
  return apart ? HeapBytes(id.capacity() + 1) : 0;
}

size_t MemoryEngine::Group::SinkBytes() const {
  // Measured, with one subscription (unit.memory_unit_test).
  constexpr size_t kHubGroupBytes = 176;
  return kHubGroupBytes + NameBytes();
}

MemoryEngine::MemoryEngine(const ServiceLimits& limits, const Clock& clock, uint64_t seed)
    : limits_(limits),
      clock_(clock),
      epoch_(MakeEpoch(seed)),
      started_at_(clock.Now()),
      young_(limits.new_epoch_grace.count() > 0),
      forgotten_(std::clamp(limits.history_total_bytes_max / kForgottenShare, kForgottenBytesMin,
                            kForgottenBytesMax)),
      dedup_(limits.dedup_window, limits.dedup_bytes_max) {}

void MemoryEngine::StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) {
  waiter->OnPublished(ticket, Publish(input));
}

PublishOutcome MemoryEngine::Publish(const PublishInput& input) {
  const bool deduplicated = !input.key.empty() || input.sequence != 0;
  if (deduplicated) {
    if (const auto known = dedup_.Find(input)) return *known;
  }
  Group& group = FindOrAdd(input.group_id);
  LeaveIdle(group);
  const uint64_t offset = ++newest_offset_;
  const SteadyTime now = clock_.Now();
  RecordPtr record = MakeRecord(input, offset, group.last_offset, clock_.UnixMillis(), now);
  group.last_offset = offset;
  group.published = true;
  if (deduplicated) dedup_.Remember(input, offset, now);

  if (group.sink != nullptr) group.sink->OnPublication(record);

  const size_t publications_max = young_ ? SIZE_MAX : limits_.history_publications_max;
  ChangeHistory(group, [&](HistoryRing& history) {
    history.DropOlderThan(now - limits_.history_age_max);
    history.Append(std::move(record), publications_max, limits_.history_bytes_max);
  });
  budget_.Use(group);
  by_age_.splice(by_age_.end(), by_age_, by_age_.iterator_to(group));
  KeepTotalBound();
  return {PublishCode::kAccepted, offset};
}

void MemoryEngine::Attach(std::string_view group_id, GroupSink* sink) {
  Group& group = FindOrAdd(group_id);
  CHANNEL_CHECK(group.sink == nullptr);
  LeaveIdle(group);
  group.sink = sink;
  group_bytes_ += group.SinkBytes();
}

void MemoryEngine::Detach(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  CHANNEL_CHECK(found != group_by_id_.end() && found->second->sink != nullptr);
  found->second->sink = nullptr;
  group_bytes_ -= found->second->SinkBytes();
  KeepIfIdle(*found->second);
}

void MemoryEngine::StartRead(const ReadRequest& request, ReadDone done) { done(Read(request)); }

ReadResult MemoryEngine::Read(const ReadRequest& request) const {
  ReadResult result;
  const auto found = group_by_id_.find(request.group_id);
  const Group* group = found == group_by_id_.end() ? nullptr : found->second.get();
  const uint64_t last_offset =
      group == nullptr ? LastOffsetOfForgotten(request.group_id) : group->last_offset;
  result.newest = newest_offset_;
  result.head = group != nullptr && group->published ? last_offset : newest_offset_;
  const bool holds = group != nullptr && !group->history.empty();
  // All publications after this offset are held.
  const uint64_t held_after = holds ? group->history.oldest()->previous_offset : last_offset;

  uint64_t after = held_after;
  if (request.since.has_value()) {
    const StreamPosition& since = *request.since;
    if (since.epoch != epoch_) {
      result.gap = GapInfo{since.offset, held_after + 1, GapReason::kEpoch};
    } else if (since.offset > newest_offset_) {
      result.gap = GapInfo{0, held_after + 1, GapReason::kPosition};
    } else if (since.offset < held_after) {
      result.gap = GapInfo{since.offset, held_after + 1, GapReason::kRetention};
    } else {
      after = since.offset;
    }
  } else if (request.last != 0) {
    const size_t held = holds ? group->history.size() : 0;
    if (held < request.last && held_after > 0) {
      result.gap = GapInfo{0, held_after + 1, GapReason::kRetention};
    } else if (holds) {
      after = group->history.OffsetBeforeLast(request.last);
    }
  }
  if (holds) group->history.Read(after, request, &result);
  return result;
}

void MemoryEngine::OnTick() {
  if (clock_.Now() - started_at_ >= limits_.new_epoch_grace) young_ = false;
  AgeOut();
  EvictIdle();
  dedup_.OnTick(clock_.Now());
}

void MemoryEngine::AgeOut() {
  const SteadyTime oldest_kept = clock_.Now() - limits_.history_age_max;
  for (int i = 0; i < kAgedOutPerTickMax && !by_age_.empty(); ++i) {
    Group& group = by_age_.front();
    ChangeHistory(group, [&](HistoryRing& history) { history.DropOlderThan(oldest_kept); });
    // The other groups have published later, so they hold something, too.
    if (!group.history.empty()) break;
    KeepIfIdle(group);
  }
}

void MemoryEngine::KeepTotalBound() {
  while (history_bytes() > limits_.history_total_bytes_max) {
    auto* const largest = static_cast<Group*>(budget_.Largest());
    const size_t largest_bytes = largest == nullptr ? 0 : largest->history.bytes();
    if (!idle_.empty() && idle_.front().HeldBytes() >= largest_bytes) {
      Evict(idle_.front());
      continue;
    }
    if (largest == nullptr) return;  // only attached groups are left
    Group& group = *largest;
    ChangeHistory(group, [](HistoryRing& history) { history.DropOldest(); });
    KeepIfIdle(group);
  }
}

template <typename Change>
void MemoryEngine::ChangeHistory(Group& group, Change change) {
  const bool held = !group.history.empty();
  change(group.history);
  budget_.Set(group, group.history.bytes());
  if (!held && !group.history.empty()) by_age_.push_back(group);
  if (held && group.history.empty()) by_age_.erase(by_age_.iterator_to(group));
}

void MemoryEngine::KeepIfIdle(Group& group) {
  if (group.sink != nullptr || !group.history.empty() || group.is_idle) return;
  group.is_idle = true;
  group.idle_since = clock_.Now();
  idle_.push_back(group);
  if (idle_.size() > kIdleGroupsMax) Evict(idle_.front());
}

void MemoryEngine::LeaveIdle(Group& group) {
  if (std::exchange(group.is_idle, false)) idle_.erase(idle_.iterator_to(group));
}

void MemoryEngine::EvictIdle() {
  const SteadyTime oldest_kept = clock_.Now() - limits_.history_age_max;
  for (int i = 0; i < kAgedOutPerTickMax && !idle_.empty(); ++i) {
    if (idle_.front().idle_since > oldest_kept) return;
    Evict(idle_.front());
  }
}

void MemoryEngine::Evict(Group& group) {
  LeaveIdle(group);
  if (group.last_offset > 0) forgotten_.Add(group.id);
  floor_ = std::max(floor_, group.last_offset);
  group_bytes_ -= group.HeldBytes();
  group_by_id_.erase(group.id);
}

uint64_t MemoryEngine::LastOffsetOfForgotten(std::string_view group_id) const {
  return forgotten_.MayHave(group_id) ? floor_ : 0;
}

MemoryEngine::Group& MemoryEngine::FindOrAdd(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  if (found != group_by_id_.end()) return *found->second;
  auto group = std::make_unique<Group>(group_id, LastOffsetOfForgotten(group_id));
  group_bytes_ += group->HeldBytes();
  const std::string_view key = group->id;  // stays where it is
  return *group_by_id_.emplace(key, std::move(group)).first->second;
}

}  // namespace channel
