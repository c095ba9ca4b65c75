#include "tests/fuzz/sim_link.h"

#include <cstdio>
#include <utility>

#include "channel_service/model/record.h"
#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

// Of one SubscribeRequest: few, so that it often takes several.
constexpr size_t kSubscriptionsPerRequestMax = 2;
constexpr size_t kBlockBytesMax = 4096;
constexpr size_t kUnansweredMax = 16;

channel::PublishInput ToInput(const channel::v1::PublishRequest& request,
                              const std::string& publisher) {
  channel::PublishInput input;
  input.group_id = request.group_id();
  input.kind = request.json() ? channel::BodyKind::kJson : channel::BodyKind::kText;
  input.body = request.message();
  input.key = request.key();
  input.publisher = publisher;
  input.sequence = request.sequence();
  return input;
}

}  // namespace

void SimLink::Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) {
  if (trace_) {
    std::fprintf(stderr, "%s asks for %.*s since %lld last %u, tag %llu\n", publisher_.c_str(),
                 static_cast<int>(group_id.size()), group_id.data(),
                 from.since ? static_cast<long long>(from.since->offset) : -1, from.last,
                 static_cast<unsigned long long>(tag));
  }
  resume_table_.Add(std::string(group_id), tag, std::move(from));
}

void SimLink::Unsubscribe(std::string_view group_id) {
  resume_table_.Remove(std::string(group_id));
}

bool SimLink::Publish(const channel::PublishInput& input, uint64_t token) {
  channel::PublishQueue::Entry entry{.record = {}, .token = token, .since = clock_.Now()};
  channel::PublishInput numbered = input;
  numbered.sequence = last_sequence_ + 1;
  channel::AppendPublishRequest(numbered, &entry.record);
  if (publish_bytes_ + entry.bytes() > limits_.publish_queue_bytes_max) return false;
  publish_bytes_ += entry.bytes();
  ++last_sequence_;
  publish_queue_.Push(std::move(entry));
  return true;
}

bool SimLink::Step(int number, edge::Router* router) {
  switch (number) {
    case 0:
      return WriteSubscriptions();
    case 1:
      return ServeSubscriptions();
    case 2:
      return ReadEvents(router);
    case 3:
      return WritePublications();
    case 4:
      return ServePublication();
    case 5:
      return ReadAnswer(router);
    default:
      return up() && service_.Carry(subscriber_->node());
  }
}

void SimLink::Connect() {
  if (up() || !service_.up()) return;
  subscriber_ = service_.Open(connects_++);
  resume_table_.OnLinkUp();
}

void SimLink::Lose() {
  if (!up()) return;
  service_.Close(subscriber_.get());
  subscriber_.reset();
  requests_.clear();
  publications_.clear();
  answers_.clear();
  publish_queue_.MarkAllUnsent();
}

bool SimLink::WriteSubscriptions() {
  if (!up() || !resume_table_.has_changes()) return false;
  channel::v1::SubscribeRequest request;
  resume_table_.TakeChanges(kSubscriptionsPerRequestMax, &request);
  requests_.push_back(std::move(request));
  return true;
}

// As rpc/subscribe_call.cc: further subscriptions are not begun while much waits for the client.
bool SimLink::ServeSubscriptions() {
  if (!up() || requests_.empty()) return false;
  if (subscriber_->queued_bytes() > service_.limits().subscriber_queue_bytes_max / 2) return false;
  channel::v1::SubscribeRequest& request = requests_.front();
  for (const std::string& group_id : request.unsubscribe()) {
    service_.Unsubscribe(subscriber_.get(), group_id);
  }
  request.clear_unsubscribe();
  if (request.subscribe().empty()) {
    requests_.pop_front();
    return true;
  }
  const channel::v1::Subscription& subscription = request.subscribe(0);
  channel::SubscribeInput input{
      .group_id = subscription.group_id(), .last = subscription.last(), .tag = subscription.tag()};
  if (!subscription.since().epoch().empty()) {
    input.since = {subscription.since().epoch(), subscription.since().offset()};
  }
  service_.Subscribe(subscriber_.get(), input);
  request.mutable_subscribe()->DeleteSubrange(0, 1);
  return true;
}

bool SimLink::ReadEvents(edge::Router* router) {
  if (!up()) return false;
  service_.Flush();
  if (subscriber_->overflowed()) {
    Lose();
    return true;
  }
  const auto block = subscriber_->TakeBlock();
  if (!block.has_value()) return false;
  channel::v1::SubscribeResponse batch;
  if (!batch.ParseFromString(*block)) Fail("a block is not a SubscribeResponse");
  Filter(&batch);
  Give(batch, router);
  return true;
}

void SimLink::Filter(channel::v1::SubscribeResponse* batch) {
  using Verdict = channel::ResumeTable::Verdict;
  for (channel::v1::Event& event : *batch->mutable_events()) {
    if (event.has_publication()) {
      const auto verdict = resume_table_.OnPublication(event.publication());
      if (verdict != Verdict::kDeliver) event.clear_event();
    } else if (event.has_subscribed()) {
      if (!resume_table_.OnSubscribed(event.subscribed())) event.clear_event();
    } else if (event.has_gap()) {
      if (!resume_table_.OnGap(event.gap())) event.clear_event();
    }
  }
}

bool SimLink::WritePublications() {
  if (!up() || !publish_queue_.has_unsent()) return false;
  std::string bytes;
  publish_queue_.TakeUnsent(kBlockBytesMax, kUnansweredMax, clock_.Now(), &bytes);
  channel::v1::PublishStreamRequest request;
  if (!request.ParseFromString(bytes)) Fail("a block is not a PublishStreamRequest");
  for (auto& publication : *request.mutable_publications()) {
    publications_.push_back(std::move(publication));
  }
  return !bytes.empty();
}

bool SimLink::ServePublication() {
  if (!up() || publications_.empty()) return false;
  answers_.push_back(service_.Publish(ToInput(publications_.front(), publisher_)));
  publications_.pop_front();
  return true;
}

bool SimLink::ReadAnswer(edge::Router* router) {
  if (!up() || answers_.empty()) return false;
  const channel::PublishOutcome outcome = answers_.front();
  answers_.pop_front();
  if (!publish_queue_.front_was_sent()) Fail("more answers than publications");
  channel::PublishAnswer answer = AnswerFront(absl::OkStatus());
  switch (outcome.code) {
    case channel::PublishCode::kAccepted:
    case channel::PublishCode::kDuplicate:
      answer.position = {service_.epoch(), outcome.offset};
      answer.duplicate = outcome.code == channel::PublishCode::kDuplicate;
      break;
    case channel::PublishCode::kKeyConflict:
      answer.status = absl::AlreadyExistsError("conflict");
      break;
    default:
      Fail("the engine is never away");
  }
  router->OnPublishAnswer(answer);
  return true;
}

channel::PublishAnswer SimLink::AnswerFront(absl::Status status) {
  channel::PublishAnswer answer{.token = publish_queue_.front().token, .status = std::move(status)};
  answer.retryable = absl::IsUnavailable(answer.status);
  publish_bytes_ -= publish_queue_.front().bytes();
  publish_queue_.PopFront();
  return answer;
}

void SimLink::Give(const channel::v1::SubscribeResponse& batch, edge::Router* router) {
  for (const auto& event : batch.events()) {
    if (trace_) {
      std::fprintf(stderr, "%s takes %.200s\n", publisher_.c_str(),
                   event.ShortDebugString().c_str());
    }
    if (event.has_publication()) {
      router->OnPublication(event.publication(), batch.events_size() == 1);
    } else if (event.has_subscribed()) {
      router->OnSubscribed(event.subscribed());
    } else if (event.has_gap()) {
      ++gaps_[event.gap().group_id()];
      router->OnGap(event.gap());
    }
  }
}

std::string SimLink::Describe() const {
  const auto count = [](const char* name, size_t number) {
    return std::string(" ") + name + "=" + std::to_string(number);
  };
  return publisher_ + (up() ? " up" : " down") +
         count("unanswered", publish_queue_.empty() ? 0 : 1) +
         count("unsent", resume_table_.has_changes() ? 1 : 0) +
         count("requests", requests_.size()) + count("answers", answers_.size());
}

void SimLink::Tick(edge::Router* router) {
  using Verdict = channel::PublishQueue::Verdict;
  while (true) {
    const Verdict verdict = publish_queue_.JudgeFront(clock_.Now(), limits_.publish_timeout);
    if (verdict == Verdict::kLinkDead) Lose();
    if (verdict != Verdict::kGiveUp) return;
    router->OnPublishAnswer(AnswerFront(absl::UnavailableError("too late")));
  }
}

}  // namespace fuzz
