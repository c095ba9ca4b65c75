// Runs an engine as the service's loop does, on the test's thread, and keeps what it says.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel_service/engine/engine.h"
#include "tests/support/deadline.h"

namespace channel::test {

// Runs on the test's thread what other threads post.
class TaskLoop {
 public:
  void Post(std::function<void()> task);
  // Runs tasks until `happened`; false if it has not when `wait` has passed.
  bool RunUntil(const std::function<bool()>& happened, support::Duration wait = support::kPatience);

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
};

// Starts the engine; stops it at the end. An answer that does not come in time is a TestFailure.
class EngineDriver final : public PublishWaiter {
 public:
  explicit EngineDriver(std::unique_ptr<Engine> engine);
  ~EngineDriver();

  Engine& engine() { return *engine_; }
  StreamPosition At(uint64_t offset) const { return {engine_->epoch(), offset}; }
  bool RunUntil(const std::function<bool()>& happened,
                support::Duration wait = support::kPatience) {
    return loop_.RunUntil(happened, wait);
  }
  void Await(const std::string& what, const std::function<bool()>& happened,
             support::Duration wait = support::kPatience);

  // Asks; returns the ticket.
  uint64_t StartPublish(const PublishInput& input);
  uint64_t StartPublish(std::string_view group_id, std::string_view body);
  // None yet, or the one outcome.
  std::optional<PublishOutcome> Outcome(uint64_t ticket) const;
  PublishOutcome AwaitOutcome(uint64_t ticket);
  PublishOutcome Publish(const PublishInput& input) { return AwaitOutcome(StartPublish(input)); }
  // Publishes; it must be accepted. Returns its offset.
  uint64_t Publish(std::string_view group_id, std::string_view body);

  ReadResult Read(const ReadRequest& request);
  ReadResult ReadSince(std::string_view group_id, uint64_t offset);

  // Attaches and reads from now on, as the hub does: only what is published after the answer is
  // promised to the sink. Returns the answer's head.
  uint64_t Attach(std::string_view group_id);
  void Detach(std::string_view group_id) { engine_->Detach(group_id); }
  // Everything that the sink of a group got so far.
  const std::vector<RecordPtr>& live(std::string_view group_id);
  // Waits until the sink has got so many in all; fails the test if there are more.
  std::vector<std::string> AwaitBodies(std::string_view group_id, size_t count,
                                       support::Duration wait = support::kPatience);

  void Stop();

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override;

 private:
  struct Sink final : public GroupSink {
    void OnPublication(const RecordPtr& record) override { records.push_back(record); }
    std::vector<RecordPtr> records;
  };

  TaskLoop loop_;
  std::unique_ptr<Engine> engine_;
  bool stopped_ = false;
  uint64_t last_ticket_ = 0;
  std::map<uint64_t, PublishOutcome> outcomes_;
  std::map<std::string, Sink, std::less<>> sinks_;
};

// Message or data of each, in order.
std::vector<std::string> BodiesOf(const std::vector<RecordPtr>& records);

}  // namespace channel::test
