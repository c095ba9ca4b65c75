#include "tests/fuzz/sim_service.h"

#include <absl/strings/escaping.h>

#include <algorithm>
#include <boost/json.hpp>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

namespace json = boost::json;

auto FirstAfter(const Log::Entries& entries, uint64_t offset) {
  return std::upper_bound(
      entries.begin(), entries.end(), offset,
      [](uint64_t wanted, const LogEntry& entry) { return wanted < entry.offset; });
}

std::string Envelope(const channel::PublishInput& input) {
  switch (input.kind) {
    case channel::BodyKind::kText:
      return json::serialize(json::string_view(input.body.data(), input.body.size()));
    case channel::BodyKind::kJson:
      return std::string(input.body);
    case channel::BodyKind::kData:
      return '"' + absl::Base64Escape(std::string(input.body)) + '"';
  }
  return {};
}

}  // namespace

const Log::Entries& Log::Of(const std::string& epoch, const std::string& group) const {
  static const Entries kNone;
  const auto found = logs_.find({epoch, group});
  return found == logs_.end() ? kNone : found->second;
}

const LogEntry* Log::Find(const std::string& epoch, const std::string& group,
                          uint64_t offset) const {
  if (offset == 0) return nullptr;
  const LogEntry* entry = After(epoch, group, offset - 1);
  return entry != nullptr && entry->offset == offset ? entry : nullptr;
}

const LogEntry* Log::After(const std::string& epoch, const std::string& group,
                           uint64_t offset) const {
  const Entries& entries = Of(epoch, group);
  const auto found = FirstAfter(entries, offset);
  return found == entries.end() ? nullptr : &*found;
}

size_t Log::Between(const std::string& epoch, const std::string& group, uint64_t after,
                    uint64_t before) const {
  const Entries& entries = Of(epoch, group);
  return static_cast<size_t>(
      std::count_if(FirstAfter(entries, after), entries.end(),
                    [before](const LogEntry& entry) { return entry.offset < before; }));
}

std::optional<std::string> SimSubscriber::TakeBlock() {
  if (!block_.has_value()) return std::nullopt;
  std::optional<std::string> taken;
  taken.swap(block_);
  OnWritten();
  return taken;
}

SimService::SimService(const channel::ServiceLimits& limits, const channel::Clock& clock)
    : limits_(limits), clock_(clock) {
  Start();
}

void SimService::Start() {
  // Any odd number that spreads over the letters of the name.
  constexpr uint64_t kSpread = 0x9e37'79b9'7f4a'7c15;
  life_ = std::make_unique<Life>(limits_, clock_, kSpread * (epochs_.size() + 1));
  epochs_.push_back(epoch());
}

void SimService::Tick() {
  if (up()) life_->engine.OnTick();
}

bool SimService::IsLater(const std::string& epoch, const std::string& other) const {
  return std::find(epochs_.begin(), epochs_.end(), epoch) >
         std::find(epochs_.begin(), epochs_.end(), other);
}

std::optional<uint64_t> SimService::OldestHeld(const std::string& group) const {
  std::optional<uint64_t> oldest;
  life_->engine.StartRead({.group_id = group}, [&](const channel::ReadResult& result) {
    if (!result.records.empty()) oldest = result.records.front()->offset;
  });
  return oldest;
}

channel::PublishOutcome SimService::Publish(const channel::PublishInput& input) {
  life_->engine.StartPublish(input, this, 0);
  if (outcome_.code == channel::PublishCode::kAccepted) {
    ++accepted_;
    log_.Add(epoch(), std::string(input.group_id),
             {outcome_.offset, std::string(input.body), Envelope(input), std::string(input.key)});
  }
  return outcome_;
}

std::unique_ptr<SimSubscriber> SimService::Open() {
  auto subscriber = std::make_unique<SimSubscriber>(life_->flush_list, life_->metrics,
                                                    limits_.subscriber_queue_bytes_max);
  life_->hub.Add(subscriber.get());
  return subscriber;
}

void SimService::Close(SimSubscriber* subscriber) {
  Flush();  // what is marked must stay alive until then
  life_->hub.Remove(subscriber);
}

void SimService::Subscribe(SimSubscriber* subscriber, const channel::SubscribeInput& input) {
  if (!life_->hub.Subscribe(subscriber, input).ok()) Fail("the hub refused a subscription");
}

void SimService::Unsubscribe(SimSubscriber* subscriber, std::string_view group) {
  life_->hub.Unsubscribe(subscriber, group);
}

}  // namespace fuzz
