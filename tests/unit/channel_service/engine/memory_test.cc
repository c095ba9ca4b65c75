// Tests of what bounds in bytes mean for the process: the memory that keys and histories really
// take.
//
// Each shape runs in a process of its own, from the same beginning; its resident memory is read at
// the end (proc(5), statm). A bound holds if the growth is at most 1.25 times the bound; what is
// counted is not exaggerated if the growth is not far below it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include "channel_service/base/process.h"
#include "channel_service/engine/dedup_table.h"
#include "channel_service/engine/memory/memory_engine.h"
#include "channel_service/hub/hub.h"

namespace channel {
namespace {

constexpr size_t kBytesMax = 32 << 20;
constexpr std::chrono::minutes kWindow{2};

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// `fill` is called in a child, and calls its argument while what it made is there. Returns by how
// much the child's memory has grown then, relative to the bound.
double GrowthOf(const std::function<void(const std::function<void()>& measure)>& fill) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = ::fork();
  if (child < 0) std::abort();
  if (child == 0) {
    TuneLibraries();
    const size_t before = ResidentBytes();
    fill([&] {
      const size_t growth = ResidentBytes() - before;
      if (::write(ends[1], &growth, sizeof(growth)) != sizeof(growth)) std::abort();
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  size_t growth = 0;
  EXPECT_EQ(::read(ends[0], &growth, sizeof(growth)), static_cast<ssize_t>(sizeof(growth)));
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const double relative = static_cast<double>(growth) / static_cast<double>(kBytesMax);
  ::testing::Test::RecordProperty("growth", std::to_string(relative));
  return relative;
}

void ExpectBoundHolds(double growth) {
  EXPECT_LE(growth, 1.25);
  EXPECT_GE(growth, 0.6);
}

// As many keys as there is room for, `bytes` each.
double GrowthOfKeys(size_t bytes) {
  return GrowthOf([bytes](const std::function<void()>& measure) {
    DedupTable table(kWindow, kBytesMax);
    const SteadyTime now(std::chrono::hours(1));
    std::string key(bytes, 'k');
    PublishInput input{.group_id = "group", .body = "b", .key = key, .publisher = {}};
    for (uint64_t i = 1; table.window(now) == kWindow; ++i) {
      const std::string number = std::to_string(i);
      key.replace(0, number.size(), number);
      input.key = key;
      if (table.Find(input).has_value()) std::abort();
      table.Remember(input, i, now);
    }
    measure();
  });
}

class NoAnswer final : public PublishWaiter {
  void OnPublished(uint64_t, const PublishOutcome&) override {}
};

// The memory engine with a bound for history in all.
class Engine {
 public:
  MemoryEngine& operator*() { return engine_; }
  // Publishes to the groups in turn, in all about twice what the bound has room for.
  void Fill(const std::string& prefix, size_t groups, size_t body_bytes) {
    const std::string body(body_bytes, 'x');
    for (size_t i = 0; i < 2 * kBytesMax / (body_bytes + 100); ++i) {
      const std::string group = prefix + std::to_string(i % groups);
      engine_.StartPublish({.group_id = group, .body = body, .key = {}, .publisher = {}},
                           &no_answer_, 0);
    }
    if (engine_.history_bytes() > kBytesMax) std::abort();
  }

 private:
  const ServiceLimits limits_{.history_total_bytes_max = kBytesMax, .new_epoch_grace = {}};
  const SystemClock clock_;
  NoAnswer no_answer_;
  MemoryEngine engine_{limits_, clock_, /*seed=*/1};
};

double GrowthOfHistory(const std::function<void(Engine& engine)>& fill) {
  return GrowthOf([&](const std::function<void()>& measure) {
    Engine engine;
    fill(engine);
    measure();
  });
}

TEST(MemoryTest, ManyGroupsWithATinyMessageEach) {
  ExpectBoundHolds(GrowthOfHistory([](Engine& engine) { engine.Fill("g", 10'000'000, 20); }));
}

TEST(MemoryTest, ManyGroupsWithLongNames) {
  ExpectBoundHolds(
      GrowthOfHistory([](Engine& engine) { engine.Fill(std::string(200, 'g'), 10'000'000, 20); }));
}

TEST(MemoryTest, FewGroupsWithLargeMessages) {
  ExpectBoundHolds(GrowthOfHistory([](Engine& engine) { engine.Fill("g", 100, 60'000); }));
}

TEST(MemoryTest, FullRingsOfTinyMessages) {
  ExpectBoundHolds(GrowthOfHistory([](Engine& engine) { engine.Fill("g", 2500, 20); }));
}

TEST(MemoryTest, TinyAfterLargeAfterTiny) {
  ExpectBoundHolds(GrowthOfHistory([](Engine& engine) {
    engine.Fill("few", 100, 20);
    engine.Fill("large", 100, 60'000);
    engine.Fill("middle", 1000, 1'000);
    engine.Fill("many", 10'000'000, 20);
    engine.Fill("large", 100, 60'000);
  }));
}

// An edge that takes what it is given.
class Edge final : public Flushable {
 public:
  explicit Edge(FlushList& list) : subscriber(list, this, kBytesMax, total) {}
  QueueTotal total{kBytesMax};
  Subscriber subscriber;

 private:
  void Flush() override {
    while (!subscriber.TakeBlock().empty()) continue;
  }
};

// Half of the bound are groups that an edge has subscribed to.
double GrowthWithAttached(const std::string& prefix) {
  return GrowthOf([&](const std::function<void()>& measure) {
    Engine engine;
    prometheus::Registry registry;
    HubMetrics metrics(registry);
    FlushList list;
    Edge edge(list);
    Hub hub(*engine, metrics);
    hub.Add(&edge.subscriber, PeerAddress::kNobody);
    for (int i = 0; (*engine).history_bytes() < kBytesMax / 2; ++i) {
      const std::string group = prefix + std::to_string(i);
      if (!hub.Subscribe(&edge.subscriber, {.group_id = group}).ok()) std::abort();
      list.FlushAll();
    }
    engine.Fill("g", 10'000'000, 20);
    measure();
    hub.Remove(&edge.subscriber);
  });
}

TEST(MemoryTest, AttachedGroupsWithoutHistory) { ExpectBoundHolds(GrowthWithAttached("attached")); }
TEST(MemoryTest, AttachedGroupsWithLongNames) {
  ExpectBoundHolds(GrowthWithAttached(std::string(200, 'a')));
}

TEST(MemoryTest, ShortKeys) { ExpectBoundHolds(GrowthOfKeys(8)); }
TEST(MemoryTest, KeysOf16Bytes) { ExpectBoundHolds(GrowthOfKeys(16)); }
TEST(MemoryTest, LongKeys) { ExpectBoundHolds(GrowthOfKeys(128)); }

}  // namespace
}  // namespace channel
