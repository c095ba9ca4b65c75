#include "ws_edge/upstream/publisher.h"

#include <algorithm>
#include <utility>

#include "channel_service/model/epoch.h"
#include "channel_service/wire/record.h"

namespace edge {

bool Publisher::Publish(const channel::PublishInput& input, Sender& sender) {
  Entry entry{.record = {}, .sender = {}, .since = clock_.Now()};
  channel::PublishInput numbered = input;
  numbered.sequence = last_sequence_ + 1;
  channel::AppendPublishRequest(numbered, &entry.record);
  if (bytes_ + entry.bytes() > options_.queue_bytes_max) return false;
  entry.sender = std::move(sender);
  bytes_ += entry.bytes();
  ++last_sequence_;
  entries_.push_back(std::move(entry));
  return true;
}

std::string Publisher::TakeMessage() {
  std::string message;
  if (sent_ == entries_.size() || sent_ >= options_.sent_max) return message;
  if (!std::exchange(name_sent_, true)) {
    channel::v1::PublishStreamRequest first;
    first.set_publisher(options_.name);
    message = first.SerializeAsString();  // records appended to it add to the same message
  }
  const size_t start = message.size();
  const channel::SteadyTime now = clock_.Now();
  while (sent_ < entries_.size() && sent_ < options_.sent_max) {
    Entry& entry = entries_[sent_];
    const bool fits = message.size() + entry.record.size() <= options_.message_bytes_max;
    if (message.size() > start && !fits) break;
    message.append(entry.record);
    entry.tried = true;
    entry.sent_at = now;
    ++sent_;
  }
  return message;
}

bool Publisher::OnAnswers(const channel::v1::PublishStreamResponse& response, Observer* observer) {
  for (const channel::v1::PublishResult& result : response.results()) {
    if (sent_ == 0) return false;
    PublishAnswer answer;
    if (result.has_published()) {
      const channel::v1::PublishResponse& published = result.published();
      if (published.position().offset() == 0 || !channel::IsEpoch(published.position().epoch())) {
        return false;
      }
      answer.position = {published.position().epoch(), published.position().offset()};
      answer.duplicate = published.duplicate();
    } else {
      const channel::v1::PublishError& error = result.error();
      if (error.code() == 0) return false;
      answer.status = {static_cast<absl::StatusCode>(error.code()), error.message()};
      answer.retryable = error.retryable();
    }
    AnswerFront(answer, observer);
  }
  return true;
}

void Publisher::OnLinkOver() {
  sent_ = 0;
  name_sent_ = false;
}

bool Publisher::Expire(Observer* observer) {
  const channel::SteadyTime now = clock_.Now();
  const auto patience = std::min(options_.timeout, kAnswerPatience);
  while (!entries_.empty() && entries_.front().since + options_.timeout < now) {
    const Entry& front = entries_.front();
    if (sent_ > 0) return front.sent_at + patience >= now;
    AnswerFront({.status = absl::UnavailableError(
                     front.tried ? "the channel service did not answer in time; the message may "
                                   "have been published"
                                 : "the channel service could not be reached in time"),
                 .retryable = true},
                observer);
  }
  return true;
}

// The observer may publish in this call.
void Publisher::AnswerFront(const PublishAnswer& answer, Observer* observer) {
  const Entry entry = std::move(entries_.front());
  bytes_ -= entry.bytes();
  if (sent_ > 0) --sent_;
  entries_.pop_front();
  observer->OnPublishAnswer(entry.sender, answer);
}

}  // namespace edge
