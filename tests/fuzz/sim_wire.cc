#include "tests/fuzz/sim_wire.h"

#include <cstdio>
#include <utility>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

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

channel::v1::PublishResult ToResult(const channel::PublishOutcome& outcome,
                                    const std::string& epoch) {
  channel::v1::PublishResult result;
  switch (outcome.code) {
    case channel::PublishCode::kAccepted:
    case channel::PublishCode::kDuplicate:
      result.mutable_published()->mutable_position()->set_epoch(epoch);
      result.mutable_published()->mutable_position()->set_offset(outcome.offset);
      result.mutable_published()->set_duplicate(outcome.code == channel::PublishCode::kDuplicate);
      break;
    case channel::PublishCode::kKeyConflict:
      result.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kAlreadyExists));
      break;
    default:
      Fail("the engine is never away");
  }
  return result;
}

}  // namespace

SimWire::SimWire(SimService& service, const channel::Clock& clock, const edge::EdgeLimits& limits,
                 edge::EdgeMetrics& metrics, std::string name, bool trace)
    : service_(service),
      name_(std::move(name)),
      trace_(trace),
      link_(Options(limits, name_), transport_, clock, metrics) {}

edge::LinkOptions SimWire::Options(const edge::EdgeLimits& limits, const std::string& name) {
  edge::LinkOptions options;
  options.addresses = {"the service"};
  options.publisher = name;
  options.publish_timeout = limits.publish_timeout;
  options.backoff_longest = std::chrono::milliseconds(0);  // Connect is a step of its own
  options.subscriptions_per_request_max = 2;               // so that it often takes several
  options.block_bytes_max = 4096;
  options.unanswered_max = 16;
  return options;
}

bool SimWire::Step(int number) {
  if (!up()) return false;
  switch (number) {
    case 0:
      return Write(transport_.subscribe());
    case 1:
      return ServeSubscriptions();
    case 2:
      return ReadEvents();
    case 3:
      return Write(transport_.publish());
    case 4:
      return ServePublication();
    case 5:
      return ReadAnswer();
    default:
      return service_.Carry(subscriber_->node());
  }
}

void SimWire::Connect() {
  if (up() || !service_.up()) return;
  while (transport_.subscribe() == nullptr) {
    link_.OnTick();
    transport_.Settle();
  }
  subscriber_ = service_.Open(connects_++);
  transport_.ComeUp();
}

void SimWire::Lose() {
  if (subscriber_ != nullptr) service_.Close(subscriber_.get());
  subscriber_.reset();
  requests_.clear();
  publications_.clear();
  answers_.clear();
  transport_.Lose(absl::UnavailableError("lost"));
  transport_.Settle();
}

void SimWire::Tick() {
  link_.OnTick();
  link_.OnTurnEnd();
  if (link_.up() != up()) Lose();  // the link gave it up
  transport_.Settle();
}

bool SimWire::Write(edge::test::FakeStream* stream) {
  edge::test::FakeStream* const other =
      stream == transport_.subscribe() ? transport_.publish() : transport_.subscribe();
  other->writable = false;
  const bool wrote = link_.Write();
  other->writable = true;
  for (const std::string& message : std::exchange(stream->written, {})) {
    if (stream == transport_.subscribe()) {
      if (!requests_.emplace_back().ParseFromString(message)) Fail("not a SubscribeRequest");
      if (trace_) {
        std::fprintf(stderr, "%s asks %s\n", name_.c_str(),
                     requests_.back().ShortDebugString().c_str());
      }
      continue;
    }
    channel::v1::PublishStreamRequest request;
    if (!request.ParseFromString(message)) Fail("not a PublishStreamRequest");
    for (auto& publication : *request.mutable_publications()) {
      publications_.push_back(std::move(publication));
    }
  }
  return wrote;
}

// As rpc/subscribe_call.cc: further subscriptions are not begun while much waits for the client.
bool SimWire::ServeSubscriptions() {
  if (requests_.empty()) return false;
  if (subscriber_->queue()->queued_bytes() > service_.limits().subscriber_queue_bytes_max / 2)
    return false;
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

bool SimWire::ReadEvents() {
  service_.Flush();
  if (subscriber_->overflowed()) {
    Lose();
    return true;
  }
  const auto block = subscriber_->TakeBlock();
  if (!block.has_value()) return false;
  channel::v1::SubscribeResponse batch;
  if (!batch.ParseFromString(*block)) Fail("a block is not a SubscribeResponse");
  for (const auto& event : batch.events()) {
    if (event.has_gap()) ++gaps_[event.gap().group_id()];
    if (trace_) {
      std::fprintf(stderr, "%s takes %.200s\n", name_.c_str(), event.ShortDebugString().c_str());
    }
  }
  transport_.subscribe()->Give(*block);
  link_.OnTurnEnd();
  return true;
}

bool SimWire::ServePublication() {
  if (publications_.empty()) return false;
  answers_.push_back(
      ToResult(service_.Publish(ToInput(publications_.front(), name_)), service_.epoch()));
  answers_.back().set_sequence(publications_.front().sequence());
  publications_.pop_front();
  return true;
}

bool SimWire::ReadAnswer() {
  if (answers_.empty()) return false;
  channel::v1::PublishStreamResponse response;
  // In any order: the newest one first, now and then.
  if (reads_++ % 3 == 0) std::swap(answers_.front(), answers_.back());
  *response.add_results() = std::move(answers_.front());
  answers_.pop_front();
  transport_.publish()->Give(response.SerializeAsString());
  link_.OnTurnEnd();
  if (!link_.up()) Fail("more answers than publications");
  return true;
}

std::string SimWire::Describe() const {
  const auto count = [](const char* what, size_t number) {
    return std::string(" ") + what + "=" + std::to_string(number);
  };
  return name_ + (up() ? " up" : " down") + count("unanswered", link_.unanswered()) +
         count("requests", requests_.size()) + count("answers", answers_.size());
}

}  // namespace fuzz
