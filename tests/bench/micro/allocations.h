// Counts what the measured code allocates: this program replaces operator new (one thread only).
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace channel::bench {

// Calls of operator new in this process until now.
uint64_t AllocationCount();

// As the counter `allocations` of the benchmark, per operation.
inline void ReportAllocations(benchmark::State& state, uint64_t allocations, uint64_t operations) {
  state.counters["allocations"] =
      static_cast<double>(allocations) / static_cast<double>(operations);
}

// Runs `operation` in each iteration, and reports rate and allocations.
template <typename Operation>
void Measure(benchmark::State& state, uint64_t operations_each, Operation operation) {
  const uint64_t before = AllocationCount();
  for (auto _ : state) operation();
  const uint64_t allocations = AllocationCount() - before;
  const auto operations = static_cast<uint64_t>(state.iterations()) * operations_each;
  state.SetItemsProcessed(static_cast<int64_t>(operations));
  ReportAllocations(state, allocations, operations);
}

}  // namespace channel::bench
