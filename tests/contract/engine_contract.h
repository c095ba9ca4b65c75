// The fixture of the contract suite: every test of it runs on every engine. An engine joins by
// adding a factory in engine_factories.cc.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/contract/engine_driver.h"

namespace channel::test {

// The bound of each group is small, so that tests can go beyond it.
inline constexpr size_t kHistoryPublicationsMax = 10;

// An engine with what it needs.
class EngineUnderTest {
 public:
  virtual ~EngineUnderTest() = default;
  virtual std::unique_ptr<Engine> Make() = 0;
};

struct EngineFactory {
  const char* name;
  std::unique_ptr<EngineUnderTest> (*make)();
};

class EngineContract : public ::testing::TestWithParam<EngineFactory> {
 protected:
  PublishOutcome PublishKeyed(std::string_view group_id, std::string_view body,
                              std::string_view key) {
    return driver_.Publish({.group_id = group_id, .body = body, .key = key, .publisher = {}});
  }
  PublishOutcome PublishSequence(std::string_view group_id, std::string_view body,
                                 uint64_t sequence) {
    return driver_.Publish(
        {.group_id = group_id, .body = body, .key = {}, .publisher = "p", .sequence = sequence});
  }

  const std::unique_ptr<EngineUnderTest> under_test_ = GetParam().make();
  EngineDriver driver_{under_test_->Make()};
};

using Bodies = std::vector<std::string>;

}  // namespace channel::test
