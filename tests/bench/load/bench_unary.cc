// Publishes single messages by the unary `Publish`, as back ends do, beside one Subscribe stream
// for each service that checks what is delivered. One thread on one completion queue; not gRPC's
// callback API, which sleeps by itself (that is what is looked for in the service).
//
//   bench_unary lonely MESSAGES INTERVAL_MS BYTES HOST:PORT...
//       to each service MESSAGES messages, each INTERVAL_MS after the one before was answered and
//       delivered; the services take turns. Prints the times of all calls and deliveries in µs
//   bench_unary saturate OUTSTANDING BYTES MILLISECONDS PID HOST:PORT
//       so many calls on their way over one connection; prints their number and the CPU time that
//       process PID used
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/grpc_subscriber.h"
#include "tests/bench/load/latency_histogram.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/sequence_check.h"
#include "tests/bench/load/unary_publisher.h"

namespace channel::bench {
namespace {

constexpr int64_t kWarmUpNs = 200'000'000;
constexpr size_t kRequestsMax = 16'000'000;  // of one saturation, far beyond what a run reaches

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "bench_unary: %s\n", why);
  std::exit(1);
}

// A service that hears nothing for an interval before each message.
class LonelyService {
 public:
  LonelyService(const std::string& address, CallQueue& queue, uint32_t bytes, Faults& faults)
      : publisher_(ConnectAlone(address), queue, bytes),
        subscriber_(address, {kUnaryGroup}, queue.get(),
                    [this, bytes, &faults](std::string_view, std::string_view message) {
                      delivered_ = Now();
                      const uint64_t sequence = ReadMessage(message);
                      if (sequence != 0 && message.size() == bytes) {
                        check_.OnMessage(sequence, faults);
                      } else {
                        ++faults.damaged;
                      }
                    }) {}

  bool subscribed() const { return subscriber_.subscribed(); }
  uint64_t sent() const { return sent_; }

  void Publish() { publisher_.Start(++sent_); }
  bool done() const { return publisher_.finished() && subscriber_.received() == sent_; }
  int64_t call_ns() const { return publisher_.duration(); }
  int64_t delivery_ns() const { return delivered_ - publisher_.start(); }

 private:
  UnaryPublisher publisher_;
  SequenceCheck check_;
  GrpcSubscriber subscriber_;
  uint64_t sent_ = 0;
  int64_t delivered_ = 0;
};

void PrintList(const char* name, const std::vector<int64_t>& ns) {
  std::printf("\"%s\":[", name);
  for (size_t i = 0; i < ns.size(); ++i) {
    std::printf("%s%.1f", i == 0 ? "" : ",", static_cast<double>(ns[i]) / 1e3);
  }
  std::printf("]");
}

// The end of the line, and of the process: open calls need no farewell.
[[noreturn]] void EndWith(const Faults& faults) {
  std::printf(",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
              ",\"damaged\":%" PRIu64 "}\n",
              faults.lost, faults.duplicated, faults.reordered, faults.damaged);
  std::fflush(stdout);
  std::_Exit(0);
}

[[noreturn]] void RunLonely(uint64_t messages, int64_t interval, uint32_t bytes,
                            const std::vector<std::string>& addresses) {
  CallQueue queue;
  Faults faults;
  std::deque<LonelyService> services;  // stable addresses
  for (const std::string& address : addresses) {
    services.emplace_back(address, queue, bytes, faults);
    while (!services.back().subscribed()) queue.MustStep("a subscription");
  }
  std::vector<int64_t> call_ns;
  std::vector<int64_t> delivery_ns;
  // Staggered: only one message is on its way at a time, and the first one of each service, which
  // connects, does not count.
  const int64_t stagger = interval / static_cast<int64_t>(services.size());
  std::vector<int64_t> due;
  for (size_t i = 0; i < services.size(); ++i) {
    due.push_back(Now() + static_cast<int64_t>(i) * stagger);
  }
  for (;;) {
    const auto next = std::ranges::min_element(due);
    LonelyService& service = services[static_cast<size_t>(next - due.begin())];
    if (service.sent() > messages) break;
    while (queue.Step(*next)) {
    }
    service.Publish();
    while (!service.done()) queue.MustStep("an answer or a delivery");
    if (service.sent() > 1) {
      call_ns.push_back(service.call_ns());
      delivery_ns.push_back(service.delivery_ns());
    }
    *next = Now() + interval;
  }
  std::printf("{");
  PrintList("call_us", call_ns);
  std::printf(",");
  PrintList("delivery_us", delivery_ns);
  EndWith(faults);
}

// Calls that are on their way together have no order, so what is checked is that each message is
// delivered once and whole; alone, also their order.
class Saturation {
 public:
  Saturation(const std::string& address, uint32_t outstanding, uint32_t bytes)
      : seen_(kRequestsMax),
        subscriber_(address, {kUnaryGroup}, queue_.get(),
                    [this, bytes](std::string_view, std::string_view message) {
                      OnMessage(message.size() == bytes ? ReadMessage(message) : 0);
                    }) {
    while (!subscriber_.subscribed()) queue_.MustStep("a subscription");
    const auto connection = ConnectAlone(address);
    for (uint32_t i = 0; i < outstanding; ++i) {
      publishers_.emplace_back(connection, queue_, bytes).on_finished =
          [this](UnaryPublisher& publisher) {
            ++finished_;
            latency_.Add(publisher.duration());
            if (Now() < end_) publisher.Start(NextSequence());
          };
    }
  }

  [[noreturn]] void Run(const CpuClocks& service, int64_t duration) {
    PublishUntil(Now() + kWarmUpNs);
    latency_.Clear();
    const uint64_t before = finished_;
    const int64_t cpu_before = service.Sum();
    const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = Now();
    PublishUntil(start + duration);
    const int64_t wall = Now() - start;
    const int64_t cpu = service.Sum() - cpu_before;
    const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    while (queue_.Step(Now() + 5'000'000)) {  // what comes now is a duplicate
    }
    std::printf("{\"requests\":%" PRIu64 ",\"cpu_ns\":%" PRId64 ",\"wall_ns\":%" PRId64
                ",\"load_cpu_ns\":%" PRId64 ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64,
                finished_ - before, cpu, wall, own, latency_.Percentile(0.5),
                latency_.Percentile(0.99));
    EndWith(faults_);
  }

 private:
  // Starts all calls again and again until `end`, then waits for answers and deliveries.
  void PublishUntil(int64_t end) {
    end_ = end;
    for (UnaryPublisher& publisher : publishers_) publisher.Start(NextSequence());
    while (finished_ < sent_ || subscriber_.received() < sent_) queue_.MustStep("deliveries");
  }

  uint64_t NextSequence() {
    if (++sent_ >= kRequestsMax) Die("too many requests");
    return sent_;
  }

  void OnMessage(uint64_t sequence) {
    if (sequence == 0 || sequence > sent_) {
      ++faults_.damaged;
    } else if (seen_[sequence]) {
      ++faults_.duplicated;
      ++faults_.lost;  // another one did not come: as many were received as sent
    } else {
      seen_[sequence] = true;
      if (publishers_.size() == 1 && sequence != last_ + 1) ++faults_.reordered;
      last_ = sequence;
    }
  }

  CallQueue queue_;
  Faults faults_;
  std::vector<bool> seen_;
  GrpcSubscriber subscriber_;
  std::deque<UnaryPublisher> publishers_;  // stable addresses
  LatencyHistogram latency_;
  uint64_t sent_ = 0;
  uint64_t finished_ = 0;
  uint64_t last_ = 0;
  int64_t end_ = 0;
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  const std::string_view way = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
  const auto bytes = [&](int i) {
    if (number(i) < kSequenceBytes || number(i) > kMessageBytesMax) Die("bad size");
    return number(i);
  };
  if (way == "lonely" && argc > 5) {
    RunLonely(number(2), int64_t{1'000'000} * number(3), bytes(4), {argv + 5, argv + argc});
  } else if (way == "saturate" && argc == 7) {
    CpuClocks service;
    if (!service.Add(std::atoi(argv[5]))) Die("no such process");
    Saturation(argv[6], number(2), bytes(3)).Run(service, int64_t{1'000'000} * number(4));
  }
  std::fprintf(stderr,
               "usage: bench_unary lonely MESSAGES INTERVAL_MS BYTES HOST:PORT...\n"
               "       bench_unary saturate OUTSTANDING BYTES MILLISECONDS PID HOST:PORT\n");
  return 64;
}
