#include "ws_edge/upstream/publisher.h"

#include <algorithm>
#include <utility>

#include "channel_service/model/epoch.h"
#include "channel_service/wire/record.h"

namespace edge {
namespace {

// Returns false if it is none.
bool ToAnswer(const channel::v1::PublishResult& result, PublishAnswer* answer) {
  if (result.has_published()) {
    const channel::v1::PublishResponse& published = result.published();
    answer->position = {published.position().epoch(), published.position().offset()};
    answer->duplicate = published.duplicate();
    return published.position().offset() != 0 && channel::IsEpoch(published.position().epoch());
  }
  const channel::v1::PublishError& error = result.error();
  answer->status = {static_cast<absl::StatusCode>(error.code()), error.message()};
  answer->retryable = error.retryable();
  return error.code() != 0;
}

constexpr const char* kNotAnswered =
    "the channel service did not answer in time; the message may have been published";
constexpr const char* kNotSent = "the channel service could not be reached in time";

PublishAnswer Unavailable(const char* why) {
  return {.status = absl::UnavailableError(why), .retryable = true};
}

}  // namespace

void Publisher::Publish(Outgoing&& publication, Sender&& sender) {
  const uint64_t client_id = sender.client_id;
  Lane& lane = lanes_[client_id];
  if (lane.empty()) turns_.push_back(client_id);
  lane.push_back({.publication = std::move(publication), .sender = std::move(sender)});
  ++unanswered_;
}

std::string Publisher::TakeMessage() {
  std::string message;
  if (sent_here_ >= options_.sent_max || (sent_here_ == sent_.size() && turns_.empty())) {
    return message;
  }
  if (!std::exchange(name_sent_, true)) {
    channel::v1::PublishStreamRequest first;
    first.set_publisher(options_.name);
    first.set_any_order(true);
    message = first.SerializeAsString();  // records appended to it add to the same message
  }
  const size_t start = message.size();
  while (sent_here_ < options_.sent_max) {
    if (sent_here_ == sent_.size()) {
      if (turns_.empty()) break;
      MoveNext();
    }
    if (!Append(sent_[sent_here_], start, &message)) break;
    ++sent_here_;
  }
  return message;
}

void Publisher::MoveNext() {
  const uint64_t client_id = turns_.front();
  turns_.pop_front();
  const auto lane = lanes_.find(client_id);
  sent_.push_back(std::move(lane->second.front()));
  sent_.back().sequence = ++last_sequence_;
  lane->second.pop_front();
  if (lane->second.empty()) {
    lanes_.erase(lane);
  } else {
    turns_.push_back(client_id);
  }
}

bool Publisher::Append(Entry& entry, size_t bytes_before, std::string* message) const {
  const size_t size = message->size();
  channel::AppendPublishRequest({.group_id = entry.sender.group_id,
                                 .kind = entry.publication.kind,
                                 .body = entry.publication.body,
                                 .key = entry.publication.key,
                                 .publisher = {},
                                 .sequence = entry.sequence},
                                message);
  if (size > bytes_before && message->size() > options_.message_bytes_max) {
    message->resize(size);
    return false;
  }
  entry.sent_at = clock_.Now();
  return true;
}

bool Publisher::OnAnswers(const channel::v1::PublishStreamResponse& response, Observer* observer) {
  for (const channel::v1::PublishResult& result : response.results()) {
    PublishAnswer answer;
    Entry* const entry = FindSent(result.sequence());
    if (entry == nullptr || !ToAnswer(result, &answer)) return false;
    entry->done = true;
    Answer(*entry, answer, observer);
    DropDone();
  }
  return true;
}

// 0: the first one that has no answer, of a service that answers in order.
Publisher::Entry* Publisher::FindSent(uint64_t sequence) {
  const auto end = sent_.begin() + static_cast<ptrdiff_t>(sent_here_);
  auto found = sent_.begin();
  if (sequence == 0) {
    found = std::find_if(found, end, [](const Entry& entry) { return !entry.done; });
  } else if (found != end && found->sequence != sequence) {
    found = std::lower_bound(found, end, sequence, [](const Entry& entry, uint64_t wanted) {
      return entry.sequence < wanted;
    });
  }
  const bool is_it = found != end && !found->done && (sequence == 0 || found->sequence == sequence);
  return is_it ? &*found : nullptr;
}

void Publisher::OnLinkOver() {
  std::erase_if(sent_, [](const Entry& entry) { return entry.answered; });
  sent_here_ = 0;
  name_sent_ = false;
}

void Publisher::Expire(Observer* observer) {
  const channel::SteadyTime now = clock_.Now();
  const auto is_overdue = [&](const Entry& entry) {
    return entry.publication.came_at + options_.timeout < now;
  };
  const auto patience = std::min(options_.timeout, kAnswerPatience);
  for (Entry& entry : sent_) {
    if (entry.sent_at + patience >= now) break;
    if (is_overdue(entry)) Answer(entry, Unavailable(kNotAnswered), observer);
  }
  // Publications that are not sent again yet need not be.
  sent_.erase(std::remove_if(sent_.begin() + static_cast<ptrdiff_t>(sent_here_), sent_.end(),
                             [](const Entry& entry) { return entry.answered; }),
              sent_.end());
  Lane overdue;
  for (size_t i = turns_.size(); i > 0; --i) {
    const uint64_t client_id = turns_.front();
    turns_.pop_front();
    const auto lane = lanes_.find(client_id);
    while (!lane->second.empty() && is_overdue(lane->second.front())) {
      overdue.splice(overdue.end(), lane->second, lane->second.begin());
    }
    if (lane->second.empty()) {
      lanes_.erase(lane);
    } else {
      turns_.push_back(client_id);
    }
  }
  for (Entry& entry : overdue) Answer(entry, Unavailable(kNotSent), observer);
}

// Only the first answer counts. The observer may publish in this call.
void Publisher::Answer(Entry& entry, const PublishAnswer& answer, Observer* observer) {
  if (std::exchange(entry.answered, true)) return;
  --unanswered_;
  observer->OnPublishAnswer(entry.sender, answer);
}

void Publisher::DropDone() {
  while (!sent_.empty() && sent_.front().done) {
    sent_.pop_front();
    --sent_here_;
  }
}

}  // namespace edge
