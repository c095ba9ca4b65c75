// The channel service of the simulation: the real hub without a network, and the real memory engine
// or, on several nodes, one that shares a log (sim_log_engine.h); beside them a log of all that was
// ever accepted, which is the truth that clients are checked against.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel_service/engine/memory/memory_engine.h"
#include "channel_service/hub/hub.h"
#include "channel_service/limits.h"
#include "tests/fuzz/sim_log_engine.h"
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
class SimSubscriber final : public channel::Flushable {
 public:
  SimSubscriber(size_t node, channel::FlushList& flush_list, size_t queue_bytes_max)
      : node_(node), total_(queue_bytes_max), queue_(flush_list, this, queue_bytes_max, total_) {}
  size_t node() const { return node_; }
  channel::Subscriber* queue() { return &queue_; }
  // Nothing if none is there at the end of the last turn.
  std::optional<std::string> TakeBlock();
  bool overflowed() const { return queue_.state() == channel::Subscriber::State::kOverflowed; }

 private:
  void Flush() override;

  const size_t node_;
  channel::QueueTotal total_;  // of this one alone
  channel::Subscriber queue_;
  std::optional<std::string> block_;  // on its way to the client
};

class SimService final : private channel::PublishWaiter {
 public:
  // `shared_log`: two nodes; otherwise one, which keeps its log in memory.
  SimService(const channel::ServiceLimits& limits, const channel::Clock& clock, bool shared_log);

  const channel::ServiceLimits& limits() const { return limits_; }
  bool up() const { return !nodes_.empty(); }
  bool shares_log() const { return shared_log_ != nullptr; }
  // A new life: with a new epoch, if it keeps its log in memory.
  void Start();
  // Everything that nodes knew is lost. All subscribers must be closed.
  void Die() { nodes_.clear(); }
  void Tick();
  // With a shared log: the next publication comes to the node; false if it has all.
  bool Carry(size_t node);
  // The publications that are on their way to a node are lost; the node reads them from the log.
  void LoseOnTheWay(const std::string& group);

  const std::string& epoch() const { return nodes_.front()->engine->epoch(); }
  // The epochs that there were, the present one last.
  const std::vector<std::string>& epochs() const { return epochs_; }
  // Compares two epochs that there were.
  bool IsLater(const std::string& epoch, const std::string& other) const;
  const Log& log() const { return log_; }
  size_t accepted() const { return accepted_; }
  // The group's oldest publication that is held; nothing if none is.
  std::optional<uint64_t> OldestHeld(const std::string& group) const;
  // On some node a subscription from the position would be told that something is missing.
  bool AnnouncesGapAfter(const std::string& group, const channel::StreamPosition& position) const;

  channel::PublishOutcome Publish(const channel::PublishInput& input);

  // On each node in turn, counted by the caller.
  std::unique_ptr<SimSubscriber> Open(size_t turn);
  void Close(SimSubscriber* subscriber);
  void Subscribe(SimSubscriber* subscriber, const channel::SubscribeInput& input);
  void Unsubscribe(SimSubscriber* subscriber, std::string_view group);
  // Nodes do this at the end of a turn of their loops.
  void Flush() {
    for (const auto& node : nodes_) node->flush_list.FlushAll();
  }

 private:
  struct Node {
    explicit Node(std::unique_ptr<channel::Engine> made)
        : engine(std::move(made)), hub(*engine, metrics) {}
    prometheus::Registry registry;
    channel::HubMetrics metrics{registry};
    channel::FlushList flush_list;
    std::unique_ptr<channel::Engine> engine;
    channel::Hub hub;
  };

  void OnPublished(uint64_t, const channel::PublishOutcome& outcome) override {
    outcome_ = outcome;
  }

  const channel::ServiceLimits& limits_;
  const channel::Clock& clock_;
  std::unique_ptr<SimSharedLog> shared_log_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::string> epochs_;
  Log log_;
  size_t accepted_ = 0;
  channel::PublishOutcome outcome_;
};

}  // namespace fuzz
