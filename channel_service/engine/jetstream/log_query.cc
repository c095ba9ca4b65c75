#include "channel_service/engine/jetstream/log_query.h"

#include <utility>

namespace channel {

void LogQuery::Retry(absl::AnyInvocable<void()> step) {
  if (!HasTime()) {
    OnUnavailable();
    return;
  }
  context_.retries.push_back(
      [self = shared_from_this(), step = std::move(step)]() mutable { step(); });
}

void LogQuery::AskInfo(const std::string& subject, uint64_t known_offset,
                       absl::AnyInvocable<void(const StreamInfo&)> done) {
  context_.api.GetStreamInfo(subject, [this, self = shared_from_this(), subject, known_offset,
                                       done = std::move(done)](const StreamInfo* info) mutable {
    if (info != nullptr && info->last_sequence >= known_offset) {
      context_.Saw(info->last_sequence);
      done(*info);
      return;
    }
    Retry([this, subject, known_offset, done = std::move(done)]() mutable {
      AskInfo(subject, known_offset, std::move(done));
    });
  });
}

}  // namespace channel
