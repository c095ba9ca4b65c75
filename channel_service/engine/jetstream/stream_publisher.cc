#include "channel_service/engine/jetstream/stream_publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
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
  const auto lane = lanes_.try_emplace(std::string(input.group_id)).first;
  lane->second.waiting.push_back(std::move(publication));
  if (lane->second.waiting.size() == 1) Send(lane->first);
}

void StreamPublisher::Send(const std::string& group_id) {
  Lane& lane = lanes_.find(group_id)->second;
  Publication& front = lane.waiting.front();
  if (++front.attempts > 1) metrics_.redeliveries.Increment();
  lane.asked = true;
  requests_.Ask(
      LogSubject(stream_, group_id), front.content,
      [this, group_id](const NatsMessage* answer) { OnAnswer(group_id, answer); }, front.message_id,
      std::min<SteadyTime::duration>(NatsRequests::kAnswerTimeout,
                                     front.since + kPublishPatience - clock_.Now()));
}

void StreamPublisher::OnAnswer(const std::string& group_id, const NatsMessage* answer) {
  Lane& lane = lanes_.find(group_id)->second;
  lane.asked = false;
  const Publication& front = lane.waiting.front();
  const PubAck parsed = answer == nullptr ? PubAck{} : ParsePubAck(*answer);
  if (parsed.stored) {
    reader_.Saw(parsed.offset);
    if (parsed.duplicate && (front.keyed || front.attempts == 1)) {
      OnDuplicate(group_id, parsed.offset);
    } else {
      on_stored_(group_id, parsed.offset);
      Answer(group_id, {PublishCode::kAccepted, parsed.offset});
    }
    return;
  }
  if (!parsed.error.empty() && front.attempts == 1) {
    spdlog::debug("NATS did not store a publication: {}", parsed.error);
  }
  if (stopped_ || clock_.Now() - front.since >= kPublishPatience) {
    Answer(group_id, {PublishCode::kUnavailable, 0});
  } else {
    failed_.push_back(group_id);
  }
}

void StreamPublisher::OnDuplicate(const std::string& group_id, uint64_t offset) {
  Lane& lane = lanes_.find(group_id)->second;
  const Publication& front = lane.waiting.front();
  // Stored by an attempt that was not answered, it is no duplicate of another one.
  const PublishCode same = front.attempts > 1 ? PublishCode::kAccepted : PublishCode::kDuplicate;
  if (!front.keyed) {
    Answer(group_id, {same, offset});
    return;
  }
  lane.asked = true;
  const auto compare = [this, group_id, offset, same](const LogReader::Content& stored) {
    Lane& waiting = lanes_.find(group_id)->second;
    waiting.asked = false;
    if (!stored.available) {
      Answer(group_id, {PublishCode::kUnavailable, 0});
      return;
    }
    // What is not held any more cannot be compared.
    const bool conflict =
        stored.held.has_value() && !HaveSameBody(*stored.held, waiting.waiting.front().content);
    if (!conflict && same == PublishCode::kAccepted) on_stored_(group_id, offset);
    Answer(group_id, {conflict ? PublishCode::kKeyConflict : same, conflict ? 0 : offset});
  };
  reader_.StartGet(offset, front.since + kPublishPatience, compare);
}

void StreamPublisher::Answer(const std::string& group_id, PublishOutcome outcome) {
  const auto found = lanes_.find(group_id);
  Lane& lane = found->second;
  const Publication front = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  --count_;
  bytes_ -= front.content.size();
  metrics_.pending.Set(static_cast<double>(count_));
  metrics_.publish_seconds.Observe(
      std::chrono::duration<double>(clock_.Now() - front.since).count());
  if (lane.waiting.empty()) {
    lanes_.erase(found);
  } else {
    again_.push_back(group_id);
  }
  front.waiter->OnPublished(front.ticket, outcome);
}

void StreamPublisher::GoOn() {
  // When the time of a publication is over, the next one of its lane comes to the front: the loop
  // goes on until each of these is answered.
  while (!again_.empty()) {
    for (const std::string& group_id : std::exchange(again_, {})) {
      const auto found = lanes_.find(group_id);
      if (found == lanes_.end() || found->second.asked) continue;
      if (stopped_ || clock_.Now() - found->second.waiting.front().since >= kPublishPatience) {
        Answer(group_id, {PublishCode::kUnavailable, 0});
      } else {
        Send(group_id);
      }
    }
  }
}

void StreamPublisher::OnTick() {
  again_.insert(again_.end(), failed_.begin(), failed_.end());
  failed_.clear();
  GoOn();
}

void StreamPublisher::Stop() {
  stopped_ = true;
  OnTick();
}

}  // namespace channel
