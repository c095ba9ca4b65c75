// The completion queue of a load client.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/grpc_subscriber.h"

namespace channel::bench {

// A completion queue whose waits are bounded: a run in which nothing happens has failed.
class CallQueue {
 public:
  grpc::CompletionQueue* get() { return &queue_; }

  // Takes one completion; false if there was none until `deadline`.
  bool Step(int64_t deadline) {
    void* tag = nullptr;
    bool ok = false;
    const auto until = std::chrono::system_clock::now() +
                       std::chrono::nanoseconds(std::max<int64_t>(deadline - Now(), 0));
    switch (queue_.AsyncNext(&tag, &ok, until)) {
      case grpc::CompletionQueue::TIMEOUT:
        return false;
      case grpc::CompletionQueue::SHUTDOWN:
        Die("the queue was shut down");
      case grpc::CompletionQueue::GOT_EVENT:
        Call::Dispatch(tag, ok);
    }
    return true;
  }

  void MustStep(const char* missing) {
    if (!Step(Now() + kSilenceNs)) Die(std::string("nothing came, still missing: ") + missing);
  }

 private:
  static constexpr int64_t kSilenceNs = 10'000'000'000;

  [[noreturn]] static void Die(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(1);
  }

  grpc::CompletionQueue queue_;
};

}  // namespace channel::bench
