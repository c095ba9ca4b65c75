#include "tests/contract/engine_driver.h"

#include <gtest/gtest.h>

#include <utility>

#include "channel/v1/channel.pb.h"

namespace channel::test {

void TaskLoop::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  posted_.notify_one();
}

bool TaskLoop::RunUntil(const std::function<bool()>& happened, support::Duration wait) {
  const support::Deadline deadline = support::After(wait);
  while (!happened()) {
    std::deque<std::function<void()>> tasks;
    {
      std::unique_lock lock(mutex_);
      if (!posted_.wait_until(lock, deadline, [this] { return !tasks_.empty(); })) return false;
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
    if (support::Clock::now() >= deadline) return happened();
  }
  return true;
}

EngineDriver::EngineDriver(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {
  engine_->Start([this](std::function<void()> task) { loop_.Post(std::move(task)); });
}

EngineDriver::~EngineDriver() { Stop(); }

void EngineDriver::Stop() {
  if (!std::exchange(stopped_, true)) engine_->Stop();
}

void EngineDriver::Await(const std::string& what, const std::function<bool()>& happened,
                         support::Duration wait) {
  if (RunUntil(happened, wait)) return;
  throw support::TestFailure("waited " + std::to_string(wait.count()) + " ms in vain for: " + what);
}

uint64_t EngineDriver::StartPublish(const PublishInput& input) {
  const uint64_t ticket = ++last_ticket_;
  engine_->StartPublish(input, this, ticket);
  return ticket;
}

uint64_t EngineDriver::StartPublish(std::string_view group_id, std::string_view body) {
  return StartPublish({.group_id = group_id, .body = body, .key = {}, .publisher = {}});
}

void EngineDriver::OnPublished(uint64_t ticket, const PublishOutcome& outcome) {
  EXPECT_TRUE(outcomes_.emplace(ticket, outcome).second) << "a second outcome";
}

std::optional<PublishOutcome> EngineDriver::Outcome(uint64_t ticket) const {
  const auto found = outcomes_.find(ticket);
  if (found == outcomes_.end()) return std::nullopt;
  return found->second;
}

PublishOutcome EngineDriver::AwaitOutcome(uint64_t ticket) {
  Await("an outcome", [&] { return outcomes_.contains(ticket); });
  return outcomes_.at(ticket);
}

uint64_t EngineDriver::Publish(std::string_view group_id, std::string_view body) {
  const PublishOutcome outcome = AwaitOutcome(StartPublish(group_id, body));
  EXPECT_EQ(outcome.code, PublishCode::kAccepted);
  return outcome.offset;
}

ReadResult EngineDriver::Read(const ReadRequest& request) {
  // Shared, as an answer that comes after this call has given up must not find a dead variable.
  const auto got = std::make_shared<std::optional<ReadResult>>();
  engine_->StartRead(request, [got](ReadResult result) {
    EXPECT_FALSE(got->has_value()) << "a second answer";
    *got = std::move(result);
  });
  Await("an answer to a read", [&] { return got->has_value(); });
  return std::move(**got);
}

ReadResult EngineDriver::ReadSince(std::string_view group_id, uint64_t offset) {
  return Read({.group_id = group_id, .since = At(offset)});
}

uint64_t EngineDriver::Attach(std::string_view group_id) {
  const auto sink = sinks_.try_emplace(std::string(group_id)).first;
  engine_->Attach(group_id, &sink->second);
  const ReadResult result = Read({.group_id = group_id, .count_max = 0});
  EXPECT_TRUE(result.available);
  return result.head;
}

const std::vector<RecordPtr>& EngineDriver::live(std::string_view group_id) {
  return sinks_.try_emplace(std::string(group_id)).first->second.records;
}

std::vector<std::string> EngineDriver::AwaitBodies(std::string_view group_id, size_t count,
                                                   support::Duration wait) {
  const std::vector<RecordPtr>& records = live(group_id);
  RunUntil([&] { return records.size() >= count; }, wait);
  EXPECT_EQ(records.size(), count) << "live publications of " << group_id;
  return BodiesOf(records);
}

std::vector<std::string> BodiesOf(const std::vector<RecordPtr>& records) {
  std::vector<std::string> bodies;
  for (const RecordPtr& record : records) {
    const v1::Publication publication = ParseRecord(*record);
    bodies.push_back(publication.has_data() ? publication.data() : publication.message());
  }
  return bodies;
}

}  // namespace channel::test
