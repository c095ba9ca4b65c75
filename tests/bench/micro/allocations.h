// Counts what the measured code allocates: this program replaces operator new (one thread only).
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace channel::bench {

// Calls of operator new in this process until now.
uint64_t AllocationCount();

// Adds the allocations between Begin and End, over all iterations.
class AllocationMeter {
 public:
  void Begin() { began_at_ = AllocationCount(); }
  void End() { count_ += AllocationCount() - began_at_; }

  // As the counter `allocations` of the benchmark, per operation.
  void Report(benchmark::State& state, uint64_t operations) const {
    state.counters["allocations"] = static_cast<double>(count_) / static_cast<double>(operations);
  }

 private:
  uint64_t began_at_ = 0;
  uint64_t count_ = 0;
};

// Runs `operation` in each iteration, and reports rate and allocations.
template <typename Operation>
void Measure(benchmark::State& state, uint64_t operations_each, Operation operation) {
  AllocationMeter meter;
  meter.Begin();
  for (auto _ : state) operation();
  meter.End();
  const auto operations = static_cast<uint64_t>(state.iterations()) * operations_each;
  state.SetItemsProcessed(static_cast<int64_t>(operations));
  meter.Report(state, operations);
}

}  // namespace channel::bench
