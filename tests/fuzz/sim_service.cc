#include "tests/fuzz/sim_service.h"

#include <absl/strings/escaping.h>

#include <algorithm>
#include <boost/json.hpp>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

namespace json = boost::json;

constexpr size_t kNodesOfSharedLog = 2;

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
  Flush();
  return taken;
}

void SimSubscriber::Flush() {
  if (queue_.state() == channel::Subscriber::State::kUnavailable) Fail("an engine was away");
  if (block_.has_value()) return;
  std::string block = queue_.TakeBlock();
  if (!block.empty()) block_ = std::move(block);
}

SimService::SimService(const channel::ServiceLimits& limits, const channel::Clock& clock,
                       bool shared_log)
    : limits_(limits),
      clock_(clock),
      shared_log_(shared_log ? std::make_unique<SimSharedLog>(limits, clock) : nullptr) {
  Start();
}

void SimService::Start() {
  if (shared_log_ != nullptr) {
    for (size_t i = 0; i < kNodesOfSharedLog; ++i) {
      nodes_.push_back(
          std::make_unique<Node>(std::make_unique<SimLogEngine>(*shared_log_, clock_)));
    }
    epochs_ = {epoch()};
    return;
  }
  // Any odd number that spreads over the letters of the name.
  constexpr uint64_t kSpread = 0x9e37'79b9'7f4a'7c15;
  nodes_.push_back(std::make_unique<Node>(
      std::make_unique<channel::MemoryEngine>(limits_, clock_, kSpread * (epochs_.size() + 1))));
  epochs_.push_back(epoch());
}

void SimService::Tick() {
  if (shared_log_ != nullptr) shared_log_->OnTick();
  for (const auto& node : nodes_) node->engine->OnTick();
}

bool SimService::Carry(size_t node) {
  if (shared_log_ == nullptr || node >= nodes_.size()) return false;
  return static_cast<SimLogEngine&>(*nodes_[node]->engine).CarryOne();
}

void SimService::LoseOnTheWay(const std::string& group) {
  if (shared_log_ == nullptr) return;
  for (const auto& node : nodes_) {
    static_cast<SimLogEngine&>(*node->engine).ReadWhatWasLost(group);
  }
}

bool SimService::IsLater(const std::string& epoch, const std::string& other) const {
  return std::find(epochs_.begin(), epochs_.end(), epoch) >
         std::find(epochs_.begin(), epochs_.end(), other);
}

std::optional<uint64_t> SimService::OldestHeld(const std::string& group) const {
  if (shared_log_ != nullptr) {
    const auto& held = shared_log_->Held(group);
    return held.empty() ? std::nullopt : std::optional(held.front().offset);
  }
  std::optional<uint64_t> oldest;
  nodes_.front()->engine->StartRead({.group_id = group}, [&](const channel::ReadResult& result) {
    if (!result.records.empty()) oldest = result.records.front()->offset;
  });
  return oldest;
}

bool SimService::AnnouncesGapAfter(const std::string& group,
                                   const channel::StreamPosition& position) const {
  bool announces = false;
  for (const auto& node : nodes_) {
    node->engine->StartRead({.group_id = group, .since = position},
                            [&](const channel::ReadResult& result) {
                              announces = announces || result.gap.has_value();
                            });
  }
  return announces;
}

channel::PublishOutcome SimService::Publish(const channel::PublishInput& input) {
  nodes_.front()->engine->StartPublish(input, this, 0);
  if (outcome_.code == channel::PublishCode::kAccepted) {
    ++accepted_;
    log_.Add(epoch(), std::string(input.group_id),
             {outcome_.offset, std::string(input.body), Envelope(input), std::string(input.key)});
  }
  return outcome_;
}

std::unique_ptr<SimSubscriber> SimService::Open(size_t turn) {
  const size_t number = turn % nodes_.size();
  Node& node = *nodes_[number];
  auto subscriber =
      std::make_unique<SimSubscriber>(number, node.flush_list, limits_.subscriber_queue_bytes_max);
  node.hub.Add(subscriber->queue(), channel::PeerAddress::kNobody);
  return subscriber;
}

void SimService::Close(SimSubscriber* subscriber) {
  Flush();  // what is marked must stay alive until then
  nodes_[subscriber->node()]->hub.Remove(subscriber->queue());
}

void SimService::Subscribe(SimSubscriber* subscriber, const channel::SubscribeInput& input) {
  if (!nodes_[subscriber->node()]->hub.Subscribe(subscriber->queue(), input).ok()) {
    Fail("the hub refused a subscription");
  }
}

void SimService::Unsubscribe(SimSubscriber* subscriber, std::string_view group) {
  nodes_[subscriber->node()]->hub.Unsubscribe(subscriber->queue(), group);
}

}  // namespace fuzz
