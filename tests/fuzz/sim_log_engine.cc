#include "tests/fuzz/sim_log_engine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "channel_service/wire/record.h"

namespace fuzz {
namespace {

using channel::GapInfo;
using channel::GapReason;

// The log holds so many times what one group may have.
constexpr size_t kGroupsHeld = 2;

const SimSharedLog::Entries kNone;

const SimSharedLog::Entries& Find(const std::map<std::string, SimSharedLog::Entries>& entries,
                                  const std::string& group) {
  const auto found = entries.find(group);
  return found == entries.end() ? kNone : found->second;
}

// The first one after `offset`.
auto After(const SimSharedLog::Entries& entries, uint64_t offset) {
  return std::find_if(entries.begin(), entries.end(),
                      [offset](const auto& stored) { return stored.offset > offset; });
}

}  // namespace

channel::PublishOutcome SimSharedLog::Publish(const channel::PublishInput& input) {
  const bool deduplicated = !input.key.empty() || input.sequence != 0;
  if (deduplicated) {
    if (const auto known = dedup_.Find(input)) return *known;
  }
  const std::string group(input.group_id);
  const Stored stored{++newest_, clock_.Now(),
                      channel::SerializeContent(input, clock_.UnixMillis())};
  if (deduplicated) {
    dedup_.Remember(input, newest_, input.key.empty() ? channel::SteadyTime() : clock_.Now());
  }
  ever_by_group_[group].push_back(stored);
  held_by_group_[group].push_back(stored);
  held_.emplace_back(newest_, group);
  held_bytes_ += stored.content.size();
  if (Held(group).size() > limits_.history_publications_max) DropOldestOf(group);
  while (held_.size() > kGroupsHeld * limits_.history_publications_max ||
         held_bytes_ > limits_.history_bytes_max) {
    DropOldestOf(std::string(held_.front().second));
  }
  return {channel::PublishCode::kAccepted, newest_};
}

void SimSharedLog::DropOldestOf(const std::string& group) {
  Entries& entries = held_by_group_[group];
  const uint64_t offset = entries.front().offset;
  held_bytes_ -= entries.front().content.size();
  entries.pop_front();
  std::erase_if(held_, [offset](const auto& held) { return held.first == offset; });
}

void SimSharedLog::OnTick() {
  dedup_.OnTick(clock_.Now());
  const channel::SteadyTime oldest_kept = clock_.Now() - limits_.history_age_max;
  for (auto& [group, entries] : held_by_group_) {
    while (!entries.empty() && entries.front().stored_at < oldest_kept) DropOldestOf(group);
  }
}

const SimSharedLog::Entries& SimSharedLog::Held(const std::string& group) const {
  return Find(held_by_group_, group);
}

const SimSharedLog::Entries& SimSharedLog::Ever(const std::string& group) const {
  return Find(ever_by_group_, group);
}

bool SimLogEngine::CarryOne() {
  for (auto& [group, followed] : followed_) {
    const SimSharedLog::Entries& entries = log_.Ever(group);
    const auto next = After(entries, followed.head.offset);
    if (next == entries.end()) continue;
    Give(&followed, *next);
    return true;
  }
  return false;
}

void SimLogEngine::ReadWhatWasLost(const std::string& group) {
  const auto found = followed_.find(group);
  if (found == followed_.end()) return;
  Followed& followed = found->second;
  const SimSharedLog::Entries& ever = log_.Ever(group);
  if (After(ever, followed.head.offset) == ever.end()) return;
  const uint64_t newest = ever.back().offset;
  const channel::ReadResult read =
      Read({.group_id = group, .since = channel::StreamPosition{epoch(), followed.given}},
           Head{true, newest});
  for (const channel::RecordPtr& record : read.records) {
    followed.sink->OnPublication(record);
    followed.given = record->offset;
  }
  followed.head = Head{true, newest};
  if (read.gap.has_value()) followed.given = newest;
}

void SimLogEngine::Give(Followed* followed, const SimSharedLog::Stored& stored) {
  followed->sink->OnPublication(
      channel::MakeRecord(stored.content, stored.offset, followed->given, clock_.Now()));
  followed->head = Head{true, stored.offset};
  followed->given = stored.offset;
}

SimLogEngine::Head SimLogEngine::FindHead(const std::string& group) const {
  const SimSharedLog::Entries& held = log_.Held(group);
  return held.empty() ? Head{false, log_.newest()} : Head{true, held.back().offset};
}

void SimLogEngine::Attach(std::string_view group_id, channel::GroupSink* sink) {
  const std::string group(group_id);
  const Head head = FindHead(group);
  followed_[group] = {sink, head, head.offset};
}

void SimLogEngine::StartRead(const channel::ReadRequest& request, ReadDone done) {
  const std::string group(request.group_id);
  const auto found = followed_.find(group);
  done(Read(request, found == followed_.end() ? FindHead(group) : found->second.head));
}

// As LogReader, in one go.
channel::ReadResult SimLogEngine::Read(const channel::ReadRequest& request, Head head) const {
  const std::string group(request.group_id);
  const SimSharedLog::Entries& held = log_.Held(group);
  channel::ReadResult result;
  result.head = head.offset;
  result.newest = std::max(log_.newest(), head.offset);
  const bool foreign =
      request.since && (request.since->epoch != epoch() || request.since->offset > log_.newest());
  const bool catches_up = request.since && !foreign;
  const uint64_t since = catches_up ? request.since->offset : 0;
  if (catches_up && head.own && since >= head.offset) return result;
  if (!request.since && request.count_max == 0) return result;

  std::vector<const SimSharedLog::Stored*> walked;
  if (head.own) {
    for (auto next = After(held, since); next != held.end() && next->offset <= head.offset;
         ++next) {
      walked.push_back(&*next);
    }
  }
  const bool dropped = head.own && (walked.empty() || walked.back()->offset != head.offset);
  const uint64_t first = held.empty() ? 0 : held.front().offset;
  uint64_t previous = catches_up ? since : 0;
  if (foreign) {
    const uint64_t before = walked.empty() ? head.offset + 1 : walked.front()->offset;
    result.gap = request.since->epoch != epoch()
                     ? GapInfo{request.since->offset, before, GapReason::kEpoch}
                     : GapInfo{0, before, GapReason::kPosition};
  } else if (catches_up && (first == 0 || first > since)) {
    const bool nothing_dropped = !dropped && since + 1 >= log_.oldest_held() && !log_.IsFull(group);
    const uint64_t oldest = first != 0 ? first : std::max(log_.oldest_held(), head.offset + 1);
    if (!nothing_dropped && oldest > since + 1) {
      result.gap = GapInfo{since, oldest, GapReason::kRetention};
    }
  } else if (!request.since && request.last != 0 && walked.size() < request.last) {
    const bool nothing_dropped = !dropped && log_.oldest_held() <= 1 && !log_.IsFull(group);
    const uint64_t oldest = first != 0 ? first : std::max(log_.oldest_held(), head.offset + 1);
    if (!nothing_dropped && oldest > 1) result.gap = GapInfo{0, oldest, GapReason::kRetention};
  } else if (!request.since && request.last != 0 && walked.size() > request.last) {
    previous = walked[walked.size() - request.last - 1]->offset;
    walked.erase(walked.begin(), walked.end() - static_cast<ptrdiff_t>(request.last));
  }
  if (result.gap.has_value()) previous = result.gap->before - 1;
  for (const auto* stored : walked) {
    if (result.records.size() >= request.count_max) {
      result.more = true;
      break;
    }
    result.records.push_back(
        channel::MakeRecord(stored->content, stored->offset, previous, clock_.Now()));
    previous = stored->offset;
  }
  return result;
}

}  // namespace fuzz
