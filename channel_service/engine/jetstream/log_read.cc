#include "channel_service/engine/jetstream/log_read.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/wire/record.h"

namespace channel {

LogRead::LogRead(LogQueryContext& context, const ReadRequest& request, SteadyTime until,
                 Engine::ReadDone done)
    : LogQuery(context, until),
      group_id_(request.group_id),
      subject_(LogSubject(context.stream, request.group_id)),
      since_(request.since),
      last_(request.since.has_value() ? 0 : request.last),
      count_max_(request.count_max),
      bytes_max_(request.bytes_max),
      started_at_(context.clock.Now()),
      done_(std::move(done)) {}

void LogRead::Start(LogQueryContext& context, const ReadRequest& request,
                    std::optional<LogHead> head, SteadyTime until, Engine::ReadDone done) {
  const std::shared_ptr<LogRead> read(new LogRead(context, request, until, std::move(done)));
  if (context.stopped) {
    read->OnUnavailable();
  } else if (read->since_.has_value()) {
    read->CheckPosition(head);
  } else {
    read->Begin(head);
  }
}

void LogRead::CheckPosition(std::optional<LogHead> head) {
  foreign_ = since_->epoch != context().log.epoch;
  if (foreign_ || since_->offset <= context().newest) {
    Begin(head);
    return;
  }
  const uint64_t known = head.has_value() ? head->offset : 0;
  AskInfo("", known, [this, head](const StreamInfo&) { JudgePosition(head); });
}

void LogRead::JudgePosition(std::optional<LogHead> head) {
  const auto& stored = context().stored;
  if (since_->offset > context().newest && stored.sent_at < started_at_) {
    Retry([this, head] { JudgePosition(head); });
    return;
  }
  foreign_ = since_->offset > std::max(context().newest, stored.offset);
  if (!foreign_) context().Saw(since_->offset);
  Begin(head);
}

void LogRead::Begin(std::optional<LogHead> head) {
  if (head.has_value()) {
    OnHead(*head);
    return;
  }
  HeadQuery::Start(context(), subject_, until(),
                   [this, self = shared_from_this()](std::optional<LogHead> asked) {
                     if (asked.has_value()) {
                       OnHead(*asked);
                     } else {
                       OnUnavailable();
                     }
                   });
}

void LogRead::OnHead(LogHead head) {
  head_ = head;
  result_.head = head.offset;
  if (CatchesUp()) {
    if (head.held && since_->offset >= head.offset) {
      Finish();
      return;
    }
    next_ = since_->offset + 1;
  } else if (!since_.has_value() && count_max_ == 0) {
    Finish();
    return;
  }
  if (head.held) {
    Walk();
  } else {
    AskFirst();
  }
}

void LogRead::Walk() {
  if (next_ > head_.offset) {
    CheckStart();
    return;
  }
  context().api.GetNext(subject_, next_,
                        [this, self = shared_from_this()](const StoredMessage* message) {
                          if (message == nullptr) {
                            Retry([this] { Walk(); });
                          } else if (message->sequence == 0) {
                            CheckEnd();
                          } else if (message->sequence > head_.offset) {
                            head_dropped_ = true;
                            CheckStart();
                          } else {
                            OnWalked(message->sequence, message->data);
                          }
                        });
}

void LogRead::OnWalked(uint64_t offset, std::string_view content) {
  const bool cut =
      last_ == 0 && (walked_.size() >= count_max_ ||
                     (walked_bytes_ + content.size() > bytes_max_ && !walked_.empty()));
  if (cut) {
    result_.more = true;
    CheckStart();
    return;
  }
  walked_bytes_ += content.size();
  next_ = offset + 1;
  walked_.push_back({offset, std::string(content)});
  if (last_ != 0 && walked_.size() > last_) {
    before_walked_ = walked_.front().offset;
    walked_.pop_front();
  }
  Walk();
}

void LogRead::CheckEnd() {
  context().api.GetLast(subject_, [this, self = shared_from_this()](const StoredMessage* last) {
    if (last == nullptr) {
      Retry([this] { CheckEnd(); });
    } else if (last->sequence < next_) {
      head_dropped_ = true;
      CheckStart();
    } else {
      Retry([this] { Walk(); });
    }
  });
}

void LogRead::CheckStart() {
  AskInfo("", head_.offset, [this](const StreamInfo&) { AskFirst(); });
}

void LogRead::AskFirst() {
  context().api.GetFirst(subject_, [this, self = shared_from_this()](const StoredMessage* first) {
    if (first != nullptr) {
      OnFirst(first->sequence);
    } else {
      Retry([this] { AskFirst(); });
    }
  });
}

// JetStream drops a group's oldest publications first: after one that is held none is missing.
void LogRead::OnFirst(uint64_t first) {
  const bool contradicts = head_dropped_ && first != 0 && first <= head_.offset;
  if (contradicts && HasTime()) {
    // The replica that said that the head was dropped is behind.
    head_dropped_ = false;
    Retry([this] { Walk(); });
    return;
  }
  if (!CatchesUp()) {
    Drop(first);
    if (foreign_) result_.gap = GapBehindForeign();
    const bool fewer = !foreign_ && walked_.size() < last_;
    if (fewer) {
      FindGap(/*since=*/0, first);
    } else {
      Finish();
    }
  } else if (contradicts) {  // somebody took the head out of the stream
    walked_.clear();
    result_.gap = GapInfo{since_->offset, head_.offset + 1, GapReason::kRetention};
    Finish();
  } else if (first != 0 && first <= since_->offset) {
    Finish();
  } else {
    FindGap(since_->offset, first);
  }
}

void LogRead::FindGap(uint64_t since, uint64_t first) {
  AskInfo(subject_, head_.offset, [this, since, first](const StreamInfo& info) {
    // Age and the stream's size drop only publications before the oldest that the stream holds; the
    // bound of one group drops only in a group that is full.
    const auto full = static_cast<uint64_t>(context().log.publications_per_group_max);
    const bool nothing_dropped =
        !head_dropped_ && since + 1 >= info.first_sequence && info.subject_messages < full;
    if (!nothing_dropped) {
      Drop(first);
      const uint64_t oldest = first != 0 ? first : std::max(info.first_sequence, head_.offset + 1);
      if (oldest > since + 1) result_.gap = GapInfo{since, oldest, GapReason::kRetention};
    }
    Finish();
  });
}

void LogRead::Drop(uint64_t oldest_held) {
  while (!walked_.empty() && (oldest_held == 0 || walked_.front().offset < oldest_held)) {
    before_walked_ = 0;
    walked_.pop_front();
  }
}

GapInfo LogRead::GapBehindForeign() const {
  const uint64_t before = walked_.empty() ? head_.offset + 1 : walked_.front().offset;
  const bool other_epoch = since_->epoch != context().log.epoch;
  return other_epoch ? GapInfo{since_->offset, before, GapReason::kEpoch}
                     : GapInfo{0, before, GapReason::kPosition};
}

void LogRead::Finish() {
  uint64_t previous = before_walked_;
  if (result_.gap.has_value()) {
    previous = result_.gap->before - 1;
  } else if (CatchesUp()) {
    previous = since_->offset;
  }
  size_t bytes = 0;
  for (const Walked& walked : walked_) {
    bytes += walked.content.size();
    const bool first = result_.records.empty();
    if (result_.records.size() >= count_max_ || (bytes > bytes_max_ && !first)) {
      result_.more = true;
      break;
    }
    // Somebody else wrote it into the stream.
    if (!IsContentOf(group_id_, walked.content)) continue;
    result_.records.push_back(
        MakeRecord(walked.content, walked.offset, previous, context().clock.Now()));
    previous = walked.offset;
  }
  result_.newest = std::max(context().newest, result_.head);
  done_(std::move(result_));
}

void LogRead::OnUnavailable() { done_(ReadResult{.available = false, .gap = {}, .records = {}}); }

}  // namespace channel
