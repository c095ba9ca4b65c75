// A JetStream engine as one node has it, with the metrics it counts in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "channel_service/engine/jetstream/jetstream_engine.h"
#include "tests/contract/engine_driver.h"

namespace channel::test {

// Tests open a stream with these options, unless they say otherwise.
inline JetStreamOptions TestOptions(std::vector<std::string> servers, std::string stream) {
  JetStreamOptions options;
  options.nats.servers = std::move(servers);
  options.node = "alone";
  options.stream.name = std::move(stream);
  options.stream.publications_per_group_max = 10;
  options.stream.bytes_max = 16 << 20;
  return options;
}

// As many publications are kept in a node as in the stream. They outlive every engine.
inline const ServiceLimits& TestLimits() {
  static const ServiceLimits limits = [] {
    ServiceLimits small;
    small.history_publications_max = 10;
    return small;
  }();
  return limits;
}

class JetStreamNode {
 public:
  // `clock` outlives the node.
  JetStreamNode(const JetStreamOptions& options, const Clock& clock)
      : driver_(Open(options, clock)) {}

  EngineDriver* operator->() { return &driver_; }

  // Value of a counter or gauge without labels.
  double Metric(const std::string& name) const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != name) continue;
      const prometheus::ClientMetric& metric = family.metric.at(0);
      return family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                            : metric.gauge.value;
    }
    throw support::TestFailure("no such metric: " + name);
  }

  bool ready() { return std::string_view(driver_.engine().unready_reason()).empty(); }
  void AwaitReady(bool is_ready, support::Duration wait = support::kPatience) {
    driver_.Await(
        is_ready ? "readiness" : "the loss of readiness", [&] { return ready() == is_ready; },
        wait);
  }

 private:
  std::unique_ptr<Engine> Open(const JetStreamOptions& options, const Clock& clock) {
    auto engine =
        JetStreamEngine::Open(options, clock, registry_, TestLimits(), support::kPatience);
    if (!engine.ok()) throw support::TestFailure(engine.status().ToString());
    return *std::move(engine);
  }

  prometheus::Registry registry_;
  EngineDriver driver_;
};

}  // namespace channel::test
