#include "channel_service/engine/jetstream/stream_publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/engine/jetstream/pub_ack.h"
#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/wire/record.h"

namespace channel {

StreamPublisher::StreamPublisher(NatsRequests& requests, LogReader& reader, const Clock& clock,
                                 JetStreamMetrics& metrics, std::string stream, std::string node,
                                 std::function<void(std::string_view, uint64_t)> on_stored)
    : requests_(requests),
      reader_(reader),
      clock_(clock),
      metrics_(metrics),
      stream_(std::move(stream)),
      node_(std::move(node)),
      on_stored_(std::move(on_stored)) {}

void StreamPublisher::Publish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) {
  const size_t bytes = input.body.size();
  if (stopped_ || count_ >= kPublicationsMax || bytes_ + bytes > kBytesMax) {
    waiter->OnPublished(ticket,
                        {stopped_ ? PublishCode::kUnavailable : PublishCode::kOverloaded, 0});
    return;
  }
  Publication publication{.content = SerializeContent(input, clock_.UnixMillis()),
                          .message_id = {},
                          .keyed = !input.key.empty(),
                          .waiter = waiter,
                          .ticket = ticket,
                          .since = clock_.Now()};
  if (publication.keyed) {
    publication.message_id = "k." + ToToken(input.group_id) + "." + ToToken(input.key);
  } else if (input.sequence != 0) {
    publication.message_id = "p." + ToToken(input.publisher) + "." + std::to_string(input.sequence);
  } else {
    publication.message_id = "n." + node_ + "." + std::to_string(++last_id_);
  }
  ++count_;
  bytes_ += publication.content.size();
  metrics_.pending.Set(static_cast<double>(count_));
  const auto queue = queues_.try_emplace(std::string(input.group_id)).first;
  queue->second.waiting.push_back(std::move(publication));
  if (queue->second.waiting.size() == 1) Send(queue->first);
}

void StreamPublisher::Send(const std::string& group_id) {
  Queue& queue = queues_.find(group_id)->second;
  Publication& front = queue.waiting.front();
  if (++front.attempts > 1) metrics_.redeliveries.Increment();
  queue.sent = true;
  requests_.Send(
      LogSubject(stream_, group_id), front.content,
      [this, group_id](const NatsMessage* reply) { OnReply(group_id, reply); }, front.message_id,
      std::min<SteadyTime::duration>(NatsRequests::kReplyTimeout,
                                     front.since + kPublishPatience - clock_.Now()));
}

void StreamPublisher::OnReply(const std::string& group_id, const NatsMessage* reply) {
  Queue& queue = queues_.find(group_id)->second;
  queue.sent = false;
  const Publication& front = queue.waiting.front();
  const PubAck ack = reply == nullptr ? PubAck{} : ParsePubAck(*reply);
  if (ack.stored()) {
    reader_.Saw(ack.sequence);
    if (ack.duplicate && (front.keyed || front.attempts == 1)) {
      OnDuplicate(group_id, ack.sequence);
    } else {
      on_stored_(group_id, ack.sequence);
      Answer(group_id, {PublishCode::kAccepted, ack.sequence});
    }
    return;
  }
  if (!ack.error.empty() && front.attempts == 1) {
    spdlog::debug("NATS did not store a publication: {}", ack.error);
  }
  if (IsOver(front)) {
    Answer(group_id, {PublishCode::kUnavailable, 0});
  } else {
    failed_.push_back(group_id);
  }
}

void StreamPublisher::OnDuplicate(const std::string& group_id, uint64_t offset) {
  Queue& queue = queues_.find(group_id)->second;
  const Publication& front = queue.waiting.front();
  // An earlier attempt that was not answered has stored it: then it is no duplicate of another one.
  const PublishCode same = front.attempts > 1 ? PublishCode::kAccepted : PublishCode::kDuplicate;
  if (!front.keyed) {
    Answer(group_id, {same, offset});
    return;
  }
  queue.sent = true;
  const auto compare = [this, group_id, offset, same](const MessageQuery::Result& stored) {
    Queue& waiting = queues_.find(group_id)->second;
    waiting.sent = false;
    if (!stored.available) {
      Answer(group_id, {PublishCode::kUnavailable, 0});
      return;
    }
    // A publication that is not held any more cannot be compared.
    const bool conflict = stored.content.has_value() &&
                          !HaveSameBody(*stored.content, waiting.waiting.front().content);
    if (!conflict && same == PublishCode::kAccepted) on_stored_(group_id, offset);
    Answer(group_id, {conflict ? PublishCode::kKeyConflict : same, conflict ? 0 : offset});
  };
  reader_.StartGet(offset, front.since + kPublishPatience, compare);
}

void StreamPublisher::Answer(const std::string& group_id, PublishOutcome outcome) {
  const auto found = queues_.find(group_id);
  Queue& queue = found->second;
  const Publication front = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  --count_;
  bytes_ -= front.content.size();
  metrics_.pending.Set(static_cast<double>(count_));
  metrics_.publish_seconds.Observe(
      std::chrono::duration<double>(clock_.Now() - front.since).count());
  if (queue.waiting.empty()) {
    queues_.erase(found);
  } else {
    next_.push_back(group_id);
  }
  front.waiter->OnPublished(front.ticket, outcome);
}

void StreamPublisher::GoOn() {
  // An answer brings the next publication of the group to the front, whose time may be over, too.
  while (!next_.empty()) {
    for (const std::string& group_id : std::exchange(next_, {})) {
      const auto found = queues_.find(group_id);
      if (found == queues_.end() || found->second.sent) continue;
      if (IsOver(found->second.waiting.front())) {
        Answer(group_id, {PublishCode::kUnavailable, 0});
      } else {
        Send(group_id);
      }
    }
  }
}

void StreamPublisher::OnTick() {
  next_.insert(next_.end(), failed_.begin(), failed_.end());
  failed_.clear();
  GoOn();
}

void StreamPublisher::Stop() {
  stopped_ = true;
  OnTick();
}

}  // namespace channel
