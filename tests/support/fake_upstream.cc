#include "tests/support/fake_upstream.h"

namespace edge::test {

LinkOptions FakeUpstream::Options() {
  LinkOptions options;
  options.addresses = {"fake"};
  options.publisher = "edge";
  options.backoff_longest = std::chrono::milliseconds(0);
  return options;
}

FakeUpstream::~FakeUpstream() { Lose(); }

void FakeUpstream::Start(Link::Observer* observer) {
  link_.Start(observer);
  Reconnect();
}

void FakeUpstream::Reconnect() {
  link_.OnTick();
  transport_.ComeUp();
}

void FakeUpstream::Lose() {
  transport_.Lose(absl::UnavailableError("lost"));
  transport_.Settle();
}

void FakeUpstream::Take() {
  while (link_.Write()) {
  }
  if (transport_.subscribe() == nullptr) return;
  for (const std::string& message : std::exchange(transport_.subscribe()->written, {})) {
    channel::v1::SubscribeRequest request;
    request.ParseFromString(message);
    for (const auto& group_id : request.unsubscribe()) held_.erase(group_id);
    for (const auto& question : request.subscribe()) {
      asked_.push_back(question);
      held_.insert(question.group_id());
    }
  }
  for (const std::string& message : std::exchange(transport_.publish()->written, {})) {
    channel::v1::PublishStreamRequest request;
    request.ParseFromString(message);
    for (const auto& publication : request.publications()) {
      published_.push_back(publication.group_id() + ":" + publication.message());
    }
  }
}

const std::vector<channel::v1::Subscription>& FakeUpstream::asked() {
  Take();
  return asked_;
}

const std::set<std::string>& FakeUpstream::held() {
  Take();
  return held_;
}

const std::vector<std::string>& FakeUpstream::published() {
  Take();
  return published_;
}

std::string FakeUpstream::AskedLast() {
  Take();
  if (asked_.empty()) return "nothing";
  const channel::v1::Subscription& last = asked_.back();
  if (last.has_since()) return "since " + std::to_string(last.since().offset());
  return last.last() != 0 ? "last " + std::to_string(last.last()) : "now";
}

uint64_t FakeUpstream::TagOf(const std::string& group_id) {
  Take();
  uint64_t tag = 0;
  for (const auto& question : asked_) {
    if (question.group_id() == group_id) tag = question.tag();
  }
  return tag;
}

void FakeUpstream::Give(const channel::v1::SubscribeResponse& batch) {
  transport_.subscribe()->Give(batch.SerializeAsString());
  link_.OnTurnEnd();
}

void FakeUpstream::Confirm(const std::string& group_id, uint64_t head, bool recovered, uint32_t due,
                           const std::string& epoch) {
  channel::v1::SubscribeResponse batch;
  channel::v1::Subscribed& subscribed = *batch.add_events()->mutable_subscribed();
  subscribed.set_group_id(group_id);
  subscribed.set_tag(TagOf(group_id));
  subscribed.set_epoch(epoch);
  subscribed.set_offset(head);
  subscribed.set_newest(head);
  subscribed.set_recovered(recovered);
  subscribed.set_missed(due);
  Give(batch);
}

void FakeUpstream::GiveGap(const std::string& group_id, uint64_t after, uint64_t before,
                           channel::v1::GapReason reason, const std::string& epoch) {
  channel::v1::SubscribeResponse batch;
  channel::v1::Gap& gap = *batch.add_events()->mutable_gap();
  gap.set_group_id(group_id);
  gap.set_epoch(epoch);
  gap.set_after(after);
  gap.set_before(before);
  gap.set_reason(reason);
  Give(batch);
}

void FakeUpstream::Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset) {
  channel::v1::SubscribeResponse batch;
  channel::v1::Publication& publication = *batch.add_events()->mutable_publication();
  publication.set_group_id(group_id);
  publication.set_offset(offset);
  publication.set_previous_offset(previous_offset);
  publication.set_message("m" + std::to_string(offset));
  batch.add_events();  // of a newer service: so the publication is not alone in its turn
  Give(batch);
}

void FakeUpstream::Answer(uint64_t offset, int count) {
  Take();
  channel::v1::PublishStreamResponse response;
  for (int i = 0; i < count; ++i) {
    channel::v1::PublishResult& result = *response.add_results();
    if (offset == 0) {
      result.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kUnavailable));
      result.mutable_error()->set_message("away");
      result.mutable_error()->set_retryable(true);
    } else {
      result.mutable_published()->mutable_position()->set_epoch("e");
      result.mutable_published()->mutable_position()->set_offset(offset++);
    }
  }
  transport_.publish()->Give(response.SerializeAsString());
  link_.OnTurnEnd();
}

}  // namespace edge::test
