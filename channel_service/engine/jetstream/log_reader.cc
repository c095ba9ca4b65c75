#include "channel_service/engine/jetstream/log_reader.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/wire/record.h"

namespace channel {

struct LogReader::Read {
  struct Walked {
    uint64_t offset;
    std::string content;
  };

  bool CatchesUp() const { return since.has_value() && !foreign; }

  std::string group_id;
  std::string subject;
  std::optional<StreamPosition> since = std::nullopt;
  uint32_t last = 0;
  size_t count_max = SIZE_MAX;
  size_t bytes_max = SIZE_MAX;
  SteadyTime started = {};
  SteadyTime until = {};
  std::optional<Head> head = std::nullopt;
  HeadDone head_done = {};    // only the head is wanted
  ContentDone get_done = {};  // only one publication is
  Engine::ReadDone done = {};

  bool foreign = false;        // `since` is no position of this log
  uint64_t next = 1;           // offset to go on from
  bool dropped = false;        // the head, since it was asked for
  uint64_t before_walked = 0;  // offset of the publication before the first one of `walked`
  std::deque<Walked> walked = {};
  size_t bytes = 0;
  ReadResult result = {};
};

LogReader::LogReader(NatsRequests& requests, const Clock& clock, std::string stream,
                     LogStream facts, std::function<void()> on_other_stream)
    : clock_(clock),
      stream_(std::move(stream)),
      facts_(std::move(facts)),
      questions_(requests, clock, stream_, facts_, std::move(on_other_stream)) {}

void LogReader::StartHead(const std::string& group_id, HeadDone done) {
  const ReadPtr read = NewRead(clock_.Now() + kReadPatience);
  read->group_id = group_id;
  read->subject = LogSubject(stream_, group_id);
  read->head_done = std::move(done);
  AskHead(read);
}

void LogReader::StartRead(const ReadRequest& request, std::optional<Head> head,
                          Engine::ReadDone done) {
  const ReadPtr read = NewRead(clock_.Now() + kReadPatience);
  read->group_id = request.group_id;
  read->subject = LogSubject(stream_, request.group_id);
  read->since = request.since;
  read->last = request.since.has_value() ? 0 : request.last;
  read->count_max = request.count_max;
  read->bytes_max = request.bytes_max;
  read->done = std::move(done);
  read->head = head;
  if (stopped_) {
    Retry(read, [] {});
  } else if (read->since.has_value()) {
    CheckPosition(read);
  } else {
    Begin(read);
  }
}

void LogReader::StartGet(uint64_t offset, SteadyTime until, ContentDone done) {
  const ReadPtr read = NewRead(until);
  read->get_done = std::move(done);
  GetAt(read, offset);
}

LogReader::ReadPtr LogReader::NewRead(SteadyTime until) const {
  auto read = std::make_shared<Read>();
  read->started = clock_.Now();
  read->until = until;
  return read;
}

void LogReader::GetAt(const ReadPtr& read, uint64_t offset) {
  if (!HasTime(*read)) {
    Retry(read, [] {});
    return;
  }
  const auto done = [this, read, offset](const Got* got) {
    if (got == nullptr) {
      Retry(read, [this, read, offset] { GetAt(read, offset); });
    } else if (got->offset == 0) {
      read->get_done({.available = true});
    } else {
      read->get_done({.available = true, .held = std::string(got->content)});
    }
  };
  questions_.GetAt(offset, read->until - clock_.Now(), done);
}

void LogReader::CheckIdentity() {
  const ReadPtr read = NewRead(clock_.Now() + kReadPatience);
  read->head_done = [](Head) {};
  AskInfo(read, "", [](const Info&) {});
}

void LogReader::CheckPosition(const ReadPtr& read) {
  read->foreign = read->since->epoch != facts_.epoch;
  if (read->foreign || read->since->offset <= newest_) {
    Begin(read);
    return;
  }
  AskInfo(read, "", [this, read](const Info&) { JudgePosition(read); });
}

void LogReader::JudgePosition(const ReadPtr& read) {
  const uint64_t offset = read->since->offset;
  if (offset > newest_ && stored_.asked < read->started) {
    Retry(read, [this, read] { JudgePosition(read); });
    return;
  }
  read->foreign = offset > std::max(newest_, stored_.offset);
  if (!read->foreign) Saw(offset);
  Begin(read);
}

void LogReader::Begin(const ReadPtr& read) {
  if (read->head.has_value()) {
    OnHead(read);
  } else {
    AskHead(read);
  }
}

void LogReader::AskHead(const ReadPtr& read) {
  if (stopped_) {
    Retry(read, [] {});
    return;
  }
  questions_.GetLast(read->subject, [this, read](const Got* last) {
    if (last == nullptr) {
      Retry(read, [this, read] { AskHead(read); });
    } else if (last->offset != 0) {
      Saw(last->offset);
      read->head = Head{true, true, last->offset};
      OnHead(read);
    } else {
      // Asked together: one may have come since the answer before.
      AskInfo(read, read->subject, [this, read](const Info& info) {
        if (info.held != 0) {
          Retry(read, [this, read] { AskHead(read); });
          return;
        }
        read->head = Head{true, false, info.last};
        OnHead(read);
      });
    }
  });
}

void LogReader::OnHead(const ReadPtr& read) {
  if (read->head_done != nullptr) {
    read->head_done(*read->head);
    return;
  }
  ReadResult& result = read->result;
  result.head = read->head->offset;
  if (read->since.has_value()) {
    if (!read->foreign) {
      if (read->head->own && read->since->offset >= read->head->offset) {
        Finish(read);
        return;
      }
      read->next = read->since->offset + 1;
    }
  } else if (read->count_max == 0) {
    Finish(read);
    return;
  }
  if (read->head->own) {
    Walk(read);
  } else {
    AskFirst(read);
  }
}

void LogReader::Walk(const ReadPtr& read) {
  if (read->next > read->head->offset) {
    CheckStart(read);
    return;
  }
  questions_.GetNext(read->subject, read->next, [this, read](const Got* got) {
    if (got == nullptr) {
      Retry(read, [this, read] { Walk(read); });
    } else if (got->offset == 0) {
      CheckEnd(read);
    } else if (got->offset > read->head->offset) {
      read->dropped = true;
      CheckStart(read);
    } else {
      OnWalked(read, got->offset, got->content);
    }
  });
}

void LogReader::CheckEnd(const ReadPtr& read) {
  questions_.GetLast(read->subject, [this, read](const Got* last) {
    if (last == nullptr) {
      Retry(read, [this, read] { CheckEnd(read); });
    } else if (last->offset < read->next) {
      read->dropped = true;
      CheckStart(read);
    } else {
      Retry(read, [this, read] { Walk(read); });
    }
  });
}

void LogReader::OnWalked(const ReadPtr& read, uint64_t offset, std::string_view content) {
  const bool cut = read->last == 0 &&
                   (read->walked.size() >= read->count_max ||
                    (read->bytes + content.size() > read->bytes_max && !read->walked.empty()));
  if (cut) {
    read->result.more = true;
    CheckStart(read);
    return;
  }
  read->bytes += content.size();
  read->next = offset + 1;
  read->walked.push_back({offset, std::string(content)});
  if (read->last != 0 && read->walked.size() > read->last) {
    read->before_walked = read->walked.front().offset;
    read->walked.pop_front();
  }
  Walk(read);
}

void LogReader::CheckStart(const ReadPtr& read) {
  AskInfo(read, "", [this, read](const Info&) { AskFirst(read); });
}

void LogReader::AskFirst(const ReadPtr& read) {
  questions_.GetFirst(read->subject, [this, read](const Got* got) {
    if (got != nullptr) {
      OnFirst(read, got->offset);
    } else {
      Retry(read, [this, read] { AskFirst(read); });
    }
  });
}

// `first`: the group's oldest publication that is held now, 0 = none is. JetStream drops a group's
// oldest publications first: after one that is held none is missing.
void LogReader::OnFirst(const ReadPtr& read, uint64_t first) {
  const uint64_t head = read->head->offset;
  const bool contradicts = read->dropped && first != 0 && first <= head;
  if (contradicts && HasTime(*read)) {
    // The replica that said that the head was dropped is behind.
    read->dropped = false;
    Retry(read, [this, read] { Walk(read); });
    return;
  }
  const auto drop = [read](uint64_t oldest_held) {
    while (!read->walked.empty() &&
           (oldest_held == 0 || read->walked.front().offset < oldest_held)) {
      read->before_walked = 0;
      read->walked.pop_front();
    }
  };
  if (!read->CatchesUp()) {
    drop(first);
    if (read->foreign) {
      const uint64_t before = read->walked.empty() ? head + 1 : read->walked.front().offset;
      const bool other_epoch = read->since->epoch != facts_.epoch;
      read->result.gap = other_epoch ? GapInfo{read->since->offset, before, GapReason::kEpoch}
                                     : GapInfo{0, before, GapReason::kPosition};
    }
    Finish(read);
    return;
  }
  if (contradicts) {  // somebody took the head out of the stream
    read->walked.clear();
    read->result.gap = GapInfo{read->since->offset, head + 1, GapReason::kRetention};
    Finish(read);
    return;
  }
  if (first != 0 && first <= read->since->offset) {
    Finish(read);
    return;
  }
  AskInfo(read, read->subject, [this, read, first, drop](const Info& info) {
    const uint64_t since = read->since->offset;
    // What age or the stream's size dropped lies before its oldest publication; what the bound of
    // one group dropped, only in a group that is full.
    const auto full = static_cast<uint64_t>(facts_.publications_per_group_max);
    const bool nothing_dropped = !read->dropped && since + 1 >= info.first && info.held < full;
    if (!nothing_dropped) {
      drop(first);
      const uint64_t oldest = first != 0 ? first : std::max(info.first, read->head->offset + 1);
      if (oldest > since + 1) {
        read->result.gap = GapInfo{since, oldest, GapReason::kRetention};
      }
    }
    Finish(read);
  });
}

void LogReader::Finish(const ReadPtr& read) {
  ReadResult& result = read->result;
  uint64_t previous = read->before_walked;
  if (result.gap.has_value()) {
    previous = result.gap->before - 1;
  } else if (read->CatchesUp()) {
    previous = read->since->offset;
  }
  size_t bytes = 0;
  for (const Read::Walked& walked : read->walked) {
    bytes += walked.content.size();
    const bool first = result.records.empty();
    if (result.records.size() >= read->count_max || (bytes > read->bytes_max && !first)) {
      result.more = true;
      break;
    }
    // Not ours: somebody else wrote into the stream.
    if (!IsContentOf(read->group_id, walked.content)) continue;
    result.records.push_back(MakeRecord(walked.content, walked.offset, previous, clock_.Now()));
    previous = walked.offset;
  }
  result.newest = std::max(newest_, result.head);
  read->done(std::move(result));
}

void LogReader::AskInfo(const ReadPtr& read, const std::string& subject,
                        absl::AnyInvocable<void(const Info&)> done) {
  questions_.GetInfo(
      subject, [this, read, subject, done = std::move(done)](const Info* info) mutable {
        const bool behind =
            info != nullptr && read->head.has_value() && info->last < read->head->offset;
        if (info != nullptr && !behind) {
          Saw(info->last);
          done(*info);
          return;
        }
        Retry(read, [this, read, subject, done = std::move(done)]() mutable {
          AskInfo(read, subject, std::move(done));
        });
      });
}

bool LogReader::HasTime(const Read& read) const { return !stopped_ && clock_.Now() < read.until; }

void LogReader::Retry(const ReadPtr& read, absl::AnyInvocable<void()> step) {
  if (HasTime(*read)) {
    later_.push_back(std::move(step));
    return;
  }
  if (read->head_done != nullptr) {
    read->head_done({});
    return;
  }
  if (read->get_done != nullptr) {
    read->get_done({});
    return;
  }
  ReadResult unavailable;
  unavailable.available = false;
  read->done(std::move(unavailable));
}

void LogReader::OnTick() {
  for (auto& step : std::exchange(later_, {})) step();
}

void LogReader::Stop() {
  stopped_ = true;
  OnTick();
}

}  // namespace channel
