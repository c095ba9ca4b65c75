// The table's own bounds, and how it forgets. The meaning of keys and sequences: tests/contract.
#include "channel_service/engine/dedup_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "channel_service/limits.h"

namespace channel {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

PublishInput Keyed(std::string_view group, std::string_view key, std::string_view body) {
  PublishInput input;
  input.group_id = group;
  input.key = key;
  input.body = body;
  return input;
}

PublishInput Numbered(std::string_view publisher, uint64_t sequence) {
  PublishInput input;
  input.group_id = "g";
  input.body = "b";
  input.publisher = publisher;
  input.sequence = sequence;
  return input;
}

// Room for three keys of a byte in groups of a byte.
constexpr size_t kKeyBytesMaxInTest = 3 * (80 + 16);

// Returns the lines of the log meanwhile.
class LogText {
 public:
  LogText() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~LogText() { spdlog::set_default_logger(before_); }
  // Since the last call.
  std::string Take() { return std::exchange(text_, std::ostringstream()).str(); }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

class DedupTableTest : public ::testing::Test {
 protected:
  DedupTable table_{std::chrono::minutes(2), kKeyBytesMaxInTest};
  SteadyTime now_ = SteadyTime(seconds(1000));
};

TEST_F(DedupTableTest, AKeyIsForgottenWhenItsWindowIsOver) {
  table_.Remember(Keyed("g", "k", "b"), 7, now_);
  table_.OnTick(now_ + seconds(119));
  EXPECT_TRUE(table_.Find(Keyed("g", "k", "b")).has_value());
  table_.OnTick(now_ + seconds(120));
  EXPECT_FALSE(table_.Find(Keyed("g", "k", "b")).has_value());
}

TEST_F(DedupTableTest, AFullTableForgetsTheOldestKeyAndTakesTheNewOne) {
  for (const char* key : {"1", "2", "3", "4"}) {
    EXPECT_FALSE(table_.Find(Keyed("g", key, "b")).has_value());
    table_.Remember(Keyed("g", key, "b"), 7, now_);
  }
  EXPECT_FALSE(table_.Find(Keyed("g", "1", "b")).has_value());
  for (const char* key : {"2", "3", "4"}) {
    EXPECT_EQ(table_.Find(Keyed("g", key, "b"))->code, PublishCode::kDuplicate);
    EXPECT_EQ(table_.Find(Keyed("g", key, "c"))->code, PublishCode::kKeyConflict);
  }
}

TEST_F(DedupTableTest, TheWindowIsWhatReallyHoldsAndComesBack) {
  const auto remember = [&](const char* key) { table_.Remember(Keyed("g", key, "b"), 7, now_); };
  EXPECT_EQ(table_.window(now_), minutes(2));
  for (const char* key : {"1", "2", "3"}) {
    now_ += seconds(10);
    remember(key);
  }
  EXPECT_EQ(table_.window(now_), minutes(2)) << "full, but nothing had to go";
  now_ += seconds(10);
  remember("4");
  EXPECT_EQ(table_.window(now_), seconds(30)) << "key 1 went after 30 s";
  now_ += seconds(89);
  EXPECT_EQ(table_.window(now_), seconds(119));
  now_ += seconds(1);
  EXPECT_EQ(table_.window(now_), minutes(2)) << "key 1 would have been forgotten by now";
}

TEST_F(DedupTableTest, TheLogWarnsOnceAMinuteWhileTheWindowDoesNotHold) {
  LogText log;
  const auto fill = [&](int from) {
    for (int i = from; i < from + 4; ++i) {
      table_.Remember(Keyed("g", std::to_string(i), "b"), 7, now_);
    }
  };
  table_.OnTick(now_);
  EXPECT_EQ(log.Take(), "");
  fill(0);
  now_ += seconds(1);
  table_.OnTick(now_);
  EXPECT_THAT(log.Take(), AllOf(HasSubstr("--dedup_bytes_max"), HasSubstr("for the last 1 s")));
  for (int i = 1; i < 60; ++i) {
    fill(i % 2 == 0 ? 0 : 4);
    now_ += seconds(1);
    table_.OnTick(now_);
  }
  EXPECT_EQ(log.Take(), "");
  now_ += seconds(1);
  table_.OnTick(now_);
  EXPECT_THAT(log.Take(), HasSubstr("--dedup_bytes_max"));
  now_ += minutes(2);
  table_.OnTick(now_);
  EXPECT_THAT(log.Take(), HasSubstr("again"));
  now_ += minutes(2);
  table_.OnTick(now_);
  EXPECT_EQ(log.Take(), "");
}

TEST_F(DedupTableTest, ASequenceThatWasSkippedIsNotADuplicate) {
  // 4 stands where 4 + kPublisherAnswersMax will: the round must be told apart.
  table_.Remember(Numbered("p", 4), 104, now_);
  const uint64_t later = 4 + kPublisherAnswersMax;
  table_.Remember(Numbered("p", later + 2), 200, now_);
  EXPECT_FALSE(table_.Find(Numbered("p", later)).has_value());
  table_.Remember(Numbered("p", later), 201, now_);
  EXPECT_EQ(table_.Find(Numbered("p", later))->offset, 201u);
  EXPECT_EQ(table_.Find(Numbered("p", later + 2))->offset, 200u);
}

TEST_F(DedupTableTest, TheLeastRecentPublisherIsForgotten) {
  for (size_t i = 0; i <= kPublishersMax; ++i) {
    table_.Remember(Numbered("p" + std::to_string(i), 1), i + 1, now_);
  }
  EXPECT_FALSE(table_.Find(Numbered("p0", 1)).has_value());
  EXPECT_TRUE(table_.Find(Numbered("p1", 1)).has_value());
}

TEST_F(DedupTableTest, NamesOfOneOwnerPushNoneOfAnothersOut) {
  const auto at = [](const std::string& name, uint64_t owner) {
    PublishInput input = Numbered(name, 1);
    input.owner = owner;
    return input;
  };
  table_.Remember(at("honest", 1), 1, now_);
  for (size_t i = 0; i < 3 * kPublishersMax; ++i) {
    table_.Remember(at("made up " + std::to_string(i), 2), i + 2, now_);
  }
  EXPECT_EQ(table_.Find(at("honest", 1))->offset, 1u);
  // Whoever has it now.
  EXPECT_EQ(table_.Find(at("honest", 3))->offset, 1u);
  const std::string newest = "made up " + std::to_string(3 * kPublishersMax - 1);
  EXPECT_TRUE(table_.Find(at(newest, 2)).has_value());
  EXPECT_FALSE(table_.Find(at("made up 0", 2)).has_value());
}

}  // namespace
}  // namespace channel
