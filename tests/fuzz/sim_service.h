// The channel service of the simulation: the real engine and the real hub, without a network, and
// beside them a log of all that was ever accepted, which is the truth that clients are checked
// against.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel_service/engine/memory_engine.h"
#include "channel_service/hub/hub.h"
#include "channel_service/limits.h"
#include "tests/support/fake_clock.h"

namespace fuzz {

// One accepted publication as a client must see it.
struct LogEntry {
  uint64_t offset;
  std::string plain;     // the bare message
  std::string envelope;  // the value of "message" (JSON text) or of "data" (with quotation marks)
  std::string key;
};

// All lives of the log; nothing is ever forgotten here.
class Log {
 public:
  using Entries = std::vector<LogEntry>;  // of one group and epoch, oldest first

  void Add(const std::string& epoch, const std::string& group, LogEntry entry) {
    logs_[{epoch, group}].push_back(std::move(entry));
  }
  const Entries& Of(const std::string& epoch, const std::string& group) const;
  // Null if there is none.
  const LogEntry* Find(const std::string& epoch, const std::string& group, uint64_t offset) const;
  // The first one after `offset`, null if there is none.
  const LogEntry* After(const std::string& epoch, const std::string& group, uint64_t offset) const;
  // How many have offsets in (after, before).
  size_t Between(const std::string& epoch, const std::string& group, uint64_t after,
                 uint64_t before) const;

 private:
  std::map<std::pair<std::string, std::string>, Entries> logs_;
};

// A Subscribe stream's end at the service: what is written waits here until the link takes it.
class SimSubscriber final : public channel::Subscriber {
 public:
  using Subscriber::Subscriber;
  std::optional<std::string> TakeBlock();
  bool overflowed() const { return overflowed_; }

 private:
  void StartWrite(std::string block) override { block_ = std::move(block); }
  void OnOverflow() override { overflowed_ = true; }
  void OnUnavailable() override { std::abort(); }

  std::optional<std::string> block_;
  bool overflowed_ = false;
};

class SimService final : private channel::PublishWaiter {
 public:
  SimService(const channel::ServiceLimits& limits, const channel::Clock& clock);

  const channel::ServiceLimits& limits() const { return limits_; }
  bool up() const { return life_ != nullptr; }
  // A new life with a new epoch.
  void Start();
  // Everything that it knew is lost. All subscribers must be closed.
  void Die() { life_.reset(); }
  void Tick();

  const std::string& epoch() const { return life_->engine.epoch(); }
  // The epochs that there were, the present one last.
  const std::vector<std::string>& epochs() const { return epochs_; }
  // Of two epochs that there were.
  bool IsLater(const std::string& epoch, const std::string& other) const;
  const Log& log() const { return log_; }
  size_t accepted() const { return accepted_; }
  // The group's oldest publication that is held; nothing if none is.
  std::optional<uint64_t> OldestHeld(const std::string& group) const;

  channel::PublishOutcome Publish(const channel::PublishInput& input);

  std::unique_ptr<SimSubscriber> Open();
  void Close(SimSubscriber* subscriber);
  void Subscribe(SimSubscriber* subscriber, const channel::SubscribeInput& input);
  void Unsubscribe(SimSubscriber* subscriber, std::string_view group);
  // What the service does at the end of a turn of its loop.
  void Flush() { life_->flush_list.FlushAll(); }

 private:
  struct Life {
    Life(const channel::ServiceLimits& limits, const channel::Clock& clock, uint64_t seed)
        : engine(limits, clock, seed), hub(engine, metrics) {}
    prometheus::Registry registry;
    channel::HubMetrics metrics{registry};
    channel::FlushList flush_list;
    channel::MemoryEngine engine;
    channel::Hub hub;
  };

  void OnPublished(uint64_t, const channel::PublishOutcome& outcome) override {
    outcome_ = outcome;
  }

  const channel::ServiceLimits& limits_;
  const channel::Clock& clock_;
  std::unique_ptr<Life> life_;
  std::vector<std::string> epochs_;
  Log log_;
  size_t accepted_ = 0;
  channel::PublishOutcome outcome_;
};

}  // namespace fuzz
