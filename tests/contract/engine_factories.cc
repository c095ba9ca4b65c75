// The engines that the contract suite runs on.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "channel_service/engine/memory/memory_engine.h"
#include "tests/contract/engine_contract.h"
#include "tests/contract/jetstream_node.h"
#include "tests/support/fake_clock.h"
#include "tests/support/nats_server.h"

namespace channel::test {
namespace {

class MemoryUnderTest final : public EngineUnderTest {
 public:
  std::unique_ptr<Engine> Make() override {
    limits_.history_publications_max = kHistoryPublicationsMax;
    limits_.new_epoch_grace = std::chrono::milliseconds(0);
    return std::make_unique<MemoryEngine>(limits_, clock_, /*seed=*/1);
  }

 private:
  ServiceLimits limits_;
  FakeClock clock_;
};

// One nats-server for all tests, from the first that needs it on; each has a stream of its own.
class SharedNats final : public ::testing::Environment {
 public:
  void TearDown() override { server_.reset(); }
  const support::NatsServer& server() {
    if (server_ == nullptr) server_ = std::make_unique<support::NatsServer>();
    return *server_;
  }
  std::string NewName() { return "T" + std::to_string(++last_name_); }

 private:
  std::unique_ptr<support::NatsServer> server_;
  int last_name_ = 0;
};
auto* const shared_nats = static_cast<SharedNats*>(  // owned by GoogleTest
    ::testing::AddGlobalTestEnvironment(new SharedNats));

class JetStreamUnderTest final : public EngineUnderTest {
 public:
  std::unique_ptr<Engine> Make() override {
    const auto options = TestOptions({shared_nats->server().url()}, shared_nats->NewName());
    auto engine =
        JetStreamEngine::Open(options, clock_, registry_, TestLimits(), support::kPatience);
    if (!engine.ok()) throw support::TestFailure(engine.status().ToString());
    return *std::move(engine);
  }

 private:
  SystemClock clock_;
  prometheus::Registry registry_;
};

template <typename T>
std::unique_ptr<EngineUnderTest> MakeUnderTest() {
  return std::make_unique<T>();
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract,
                         ::testing::Values(EngineFactory{"memory", &MakeUnderTest<MemoryUnderTest>},
                                           EngineFactory{"jetstream",
                                                         &MakeUnderTest<JetStreamUnderTest>}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace channel::test
