#include "channel_service/engine/jetstream/attached_group.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "channel_service/base/check.h"
#include "channel_service/wire/record.h"

namespace channel {

const char* AttachedGroup::ToString(State state) {
  switch (state) {
    case State::kFindingHead:
      return "finding head";
    case State::kFollowing:
      return "following";
    case State::kCatchingUp:
      return "catching up";
    case State::kDetached:
      return "detached";
  }
  return "?";
}

void AttachedGroup::ChangeState(State to, const char* why) {
  const bool possible = state_ != State::kDetached && to != State::kFindingHead &&
                        (to != State::kCatchingUp || state_ == State::kFollowing);
  CHANNEL_CHECK(possible);
  spdlog::debug("group {}: {} -> {}: {}", id_, ToString(state_), ToString(to), why);
  state_ = to;
}

void AttachedGroup::Start() { AskHead(); }

void AttachedGroup::Detach() {
  ChangeState(State::kDetached, "its sink is gone");
  TakeWaiting();
  DropRecent();
  for (auto& [request, done] : std::exchange(waiting_reads_, {})) {
    context_.reader.StartRead(request, std::nullopt, std::move(done));
  }
}

void AttachedGroup::Stop() { AnswerWaitingReads(std::nullopt); }

void AttachedGroup::StartRead(const ReadRequest& request, Engine::ReadDone done) {
  if (state_ == State::kFindingHead) {
    ReadRequest later = request;
    later.group_id = id_;
    waiting_reads_.emplace_back(std::move(later), std::move(done));
    return;
  }
  ReadResult result;
  if (ReadRecent(request, &result)) {
    done(std::move(result));
  } else {
    context_.reader.StartRead(request, head_, std::move(done));
  }
}

void AttachedGroup::AskHead() {
  context_.reader.StartHead(id_, [weak = weak_from_this()](std::optional<LogHead> head) {
    const auto self = weak.lock();
    if (self != nullptr) self->OnHead(head);
  });
}

void AttachedGroup::OnHead(std::optional<LogHead> head) {
  if (state_ == State::kDetached) return;
  if (head.has_value()) {
    head_ = *head;
    given_ = head->offset;
    recent_after_ = head->offset;
    ChangeState(State::kFollowing, "its head is known");
  }
  AnswerWaitingReads(head);
  if (state_ == State::kDetached) return;
  if (head.has_value()) {
    GiveWaiting();
  } else if (!context_.stopped) {
    AskHead();
  }
}

void AttachedGroup::AnswerWaitingReads(std::optional<LogHead> head) {
  for (auto& [request, done] : std::exchange(waiting_reads_, {})) {
    if (head.has_value()) {
      context_.reader.StartRead(request, head, std::move(done));
    } else {
      done(ReadResult{.available = false, .gap = {}, .records = {}});
    }
  }
}

void AttachedGroup::OnLive(NatsMessage message) {
  if (state_ != State::kFollowing) {
    seen_ = std::max(seen_, message.sequence);
    const size_t bytes = message.data().size() + sizeof(NatsMessage);
    // A message that does not wait here is read with those that were missed before it.
    if (context_.waiting_bytes + bytes > AttachedGroupContext::kWaitingBytesMax) return;
    context_.waiting_bytes += bytes;
    waiting_.push_back(std::move(message));
  } else if (message.sequence > head_.offset) {
    if (message.last_sequence > head_.offset) {
      CatchUp(message.sequence);
    } else {
      Give(message);
    }
  }
}

void AttachedGroup::Give(const NatsMessage& message) {
  head_ = LogHead{.held = true, .offset = message.sequence};
  if (!IsContentOf(id_, message.data())) {
    spdlog::warn("stream {} has something at {} that is no publication of its group",
                 context_.stream, message.sequence);
    return;
  }
  RecordPtr record = MakeRecord(message.data(), message.sequence, given_, context_.clock.Now());
  given_ = message.sequence;
  Keep(record);
  sink_->OnPublication(record);
}

void AttachedGroup::GiveWaiting() {
  for (const NatsMessage& message : TakeWaiting()) {
    if (message.sequence <= head_.offset) continue;
    if (message.last_sequence > head_.offset) break;
    Give(message);
    if (state_ == State::kDetached) return;
  }
  CatchUpWithSeen();
}

std::vector<NatsMessage> AttachedGroup::TakeWaiting() {
  for (const NatsMessage& message : waiting_) {
    context_.waiting_bytes -= message.data().size() + sizeof(NatsMessage);
  }
  return std::exchange(waiting_, {});
}

void AttachedGroup::CatchUp(uint64_t offset) {
  if (state_ != State::kFollowing) {
    seen_ = std::max(seen_, offset);
    return;
  }
  if (offset <= head_.offset) return;
  ChangeState(State::kCatchingUp, "a publication is missing");
  context_.metrics.resubscriptions.Increment();
  const ReadRequest missed{.group_id = id_, .since = StreamPosition{context_.log.epoch, given_}};
  context_.reader.StartRead(missed, LogHead{.held = true, .offset = offset},
                            [weak = weak_from_this(), offset](const ReadResult& result) {
                              const auto self = weak.lock();
                              if (self != nullptr) self->OnCaughtUp(offset, result);
                            });
}

void AttachedGroup::OnCaughtUp(uint64_t offset, const ReadResult& result) {
  if (state_ == State::kDetached) return;
  ChangeState(State::kFollowing, result.available ? "read" : "NATS does not answer");
  if (!result.available) {
    context_.to_compare.push_back(id_);
    return;
  }
  // Dropped from the log or not: nothing more is to come up to here.
  head_ = LogHead{.held = true, .offset = std::max(offset, result.head)};
  const bool hole = result.gap.has_value() || result.head < offset;
  if (hole) {
    DropRecent();
    recent_after_ = head_.offset;
  }
  for (const RecordPtr& record : result.records) {
    given_ = record->offset;
    if (!hole) Keep(record);
    sink_->OnPublication(record);
    if (state_ == State::kDetached) return;
  }
  // The next record's previous offset tells receivers that something is missing.
  if (hole) given_ = head_.offset;
  GiveWaiting();
}

void AttachedGroup::Compare() {
  const auto on_head = [weak = weak_from_this()](std::optional<LogHead> head) {
    const auto self = weak.lock();
    if (self == nullptr || self->state_ == State::kDetached) return;
    if (!head.has_value()) {
      self->context_.to_compare.push_back(self->id_);
    } else if (head->held) {
      // The answer may have overtaken live publications: these get another tick.
      self->seen_ = std::max(self->seen_, head->offset);
      self->context_.behind.push_back(self->id_);
    }
  };
  context_.reader.StartHead(id_, on_head);
}

void AttachedGroup::DropOlderThan(SteadyTime oldest_kept) {
  ChangeRecent([&](HistoryRing& recent) { recent.DropOlderThan(oldest_kept); });
}

void AttachedGroup::Keep(RecordPtr record) {
  ChangeRecent([&](HistoryRing& recent) {
    recent.Append(std::move(record), context_.limits.history_publications_max,
                  context_.limits.history_bytes_max);
  });
  context_.recent.Use(*this);
  // The stream holds them, too.
  while (context_.recent.bytes() > context_.limits.history_total_bytes_max) {
    static_cast<AttachedGroup*>(context_.recent.Largest())->ChangeRecent([](HistoryRing& recent) {
      recent.DropOldest();
    });
  }
}

void AttachedGroup::DropRecent() {
  ChangeRecent([](HistoryRing& recent) { recent.Clear(); });
}

template <typename Change>
void AttachedGroup::ChangeRecent(Change change) {
  change(recent_);
  context_.recent.Set(*this, recent_.bytes());
}

bool AttachedGroup::ReadRecent(const ReadRequest& request, ReadResult* result) const {
  const uint64_t newest = context_.reader.newest();
  uint64_t after = 0;
  if (request.since.has_value()) {
    after = request.since->offset;
    const uint64_t kept_after = std::max(recent_after_, recent_.dropped_through());
    if (request.since->epoch != context_.log.epoch || after < kept_after || after > newest) {
      return false;
    }
  } else {
    if (request.last == 0 || recent_.size() < request.last) return false;
    after = recent_.OffsetBeforeLast(request.last);
  }
  result->head = head_.offset;
  result->newest = std::max(newest, head_.offset);
  recent_.Read(after, request, result);
  return true;
}

}  // namespace channel
