// The work of the channel service for each publication, without gRPC.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/memory/memory_engine.h"
#include "channel_service/hub/hub.h"
#include "channel_service/wire/record.h"
#include "tests/bench/micro/allocations.h"

namespace channel {
namespace {

using bench::Measure;

constexpr char kGroup[] = "bench";
constexpr uint64_t kSeed = 1;
constexpr int kPerRequest = 64;
// Publications before the clock runs, more than the history holds: each append drops the oldest.
constexpr int kHistoryFull = 1000;

std::string Letters(int64_t bytes) { return std::string(static_cast<size_t>(bytes), 'x'); }

PublishInput Input(const std::string& body) {
  PublishInput input;
  input.group_id = kGroup;
  input.body = body;
  return input;
}

void SerialiseRecord(benchmark::State& state) {
  const std::string body = Letters(state.range(0));
  uint64_t offset = 123'456;
  const SteadyTime now = SystemClock().Now();
  Measure(state, 1, [&] {
    ++offset;
    benchmark::DoNotOptimize(MakeRecord(Input(body), offset, offset - 1, 1'700'000'000'000, now));
  });
}
BENCHMARK(SerialiseRecord)
    ->Name("service: serialise a record")
    ->ArgName("bytes")
    ->Arg(64)
    ->Arg(1024);

// A PublishStream request of 64 publications; an operation is a publication.
void ParsePublishRequest(benchmark::State& state) {
  std::string bytes;
  const std::string body = Letters(64);
  for (uint64_t i = 1; i <= kPerRequest; ++i) {
    PublishInput input = Input(body);
    input.sequence = i;
    AppendPublishRequest(input, &bytes);
  }
  v1::PublishStreamRequest request;
  Measure(state, kPerRequest, [&] {
    if (!request.ParseFromString(bytes)) std::abort();
    benchmark::DoNotOptimize(request);
  });
}
BENCHMARK(ParsePublishRequest)->Name("service: parse a publication, 64 in a request");

class Answers final : public PublishWaiter {
 public:
  void OnPublished(uint64_t, const PublishOutcome& outcome) override {
    if (outcome.code != PublishCode::kAccepted) std::abort();
  }
};

enum class Numbering { kNone, kSequence, kKey };

// Into one group whose history is full, 64 B.
void Publish(benchmark::State& state, Numbering numbering) {
  ServiceLimits limits;
  limits.new_epoch_grace = {};  // the bounds of an old log
  const SystemClock clock;
  MemoryEngine engine(limits, clock, kSeed);
  Answers answers;
  const std::string body = Letters(64);
  PublishInput input = Input(body);
  std::string key(16, '0');
  uint64_t count = 0;
  const auto publish = [&] {
    ++count;
    if (numbering == Numbering::kSequence) {
      input.publisher = "edge-1-0123456789abcdef";
      input.sequence = count;
    } else if (numbering == Numbering::kKey) {
      for (size_t i = 0; i < 8; ++i) key[i] = static_cast<char>('a' + (count >> (4 * i) & 15));
      input.key = key;
    }
    engine.StartPublish(input, &answers, 0);
  };
  for (int i = 0; i < kHistoryFull; ++i) publish();
  Measure(state, 1, publish);
}
void PublishUnnumbered(benchmark::State& state) { Publish(state, Numbering::kNone); }
void PublishNumbered(benchmark::State& state) { Publish(state, Numbering::kSequence); }
void PublishKeyed(benchmark::State& state) { Publish(state, Numbering::kKey); }
BENCHMARK(PublishUnnumbered)->Name("service: memory engine, publish");
BENCHMARK(PublishNumbered)->Name("service: memory engine, publish with publisher and sequence");
// No more keys than the table holds: none is forgotten.
BENCHMARK(PublishKeyed)
    ->Name("service: memory engine, publish with a new key")
    ->Iterations(200'000);

// Gives the hub's sink to the benchmark, and has no history.
class BareEngine final : public Engine {
 public:
  const std::string& epoch() const override { return epoch_; }
  void StartPublish(const PublishInput&, PublishWaiter*, uint64_t) override { std::abort(); }
  void Attach(std::string_view, GroupSink* attached) override { sink = attached; }
  void Detach(std::string_view) override { sink = nullptr; }
  void StartRead(const ReadRequest&, ReadDone done) override { done(ReadResult{}); }
  void OnTick() override {}
  std::chrono::milliseconds dedup_window() const override { return {}; }
  size_t group_count() const override { return 1; }
  size_t history_bytes() const override { return 0; }

  GroupSink* sink = nullptr;

 private:
  const std::string epoch_ = "abcdefghjkmn";
};

// A transport that takes every block at once.
class NullStream final : public Flushable {
 public:
  explicit NullStream(FlushList& list) : subscriber(list, this, size_t{64} << 20, total) {}

  QueueTotal total{size_t{64} << 20};
  Subscriber subscriber;
  uint64_t blocks = 0;

 private:
  void Flush() override {
    std::string block = subscriber.TakeBlock();
    if (block.empty()) std::abort();
    benchmark::DoNotOptimize(block);
    ++blocks;
    if (subscriber.queued_bytes() > 0) std::abort();
  }
};

// 64 publications of 64 B in a turn to as many subscribers as the argument; an operation is a
// delivery.
void HubFanOut(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  prometheus::Registry registry;
  HubMetrics metrics(registry);
  BareEngine engine;
  FlushList list;
  Hub hub(engine, metrics);
  std::vector<std::unique_ptr<NullStream>> streams;
  for (uint64_t i = 0; i < count; ++i) {
    streams.push_back(std::make_unique<NullStream>(list));
    Subscriber* const subscriber = &streams.back()->subscriber;
    hub.Add(subscriber, PeerAddress::kNobody);
    if (!hub.Subscribe(subscriber, {.group_id = kGroup}).ok()) std::abort();
  }
  list.FlushAll();
  const RecordPtr record =
      MakeRecord(Input(Letters(64)), 2, 1, 1'700'000'000'000, SystemClock().Now());
  Measure(state, kPerRequest * count, [&] {
    for (int i = 0; i < kPerRequest; ++i) engine.sink->OnPublication(record);
    list.FlushAll();
  });
  for (const auto& stream : streams) {
    if (stream->blocks <= static_cast<uint64_t>(state.iterations())) std::abort();
    hub.Remove(&stream->subscriber);
  }
}
BENCHMARK(HubFanOut)
    ->Name("service: hub fan-out, a delivery, 64 in a turn")
    ->ArgName("subscribers")
    ->Arg(1)
    ->Arg(4)
    ->Arg(8);

}  // namespace
}  // namespace channel
