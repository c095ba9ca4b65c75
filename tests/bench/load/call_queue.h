// Asynchronous gRPC calls of a load client, on a completion queue that it turns itself; gRPC's
// callback API sleeps by itself, and that is what is looked for in the service.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/pubsub_run.h"

namespace channel::bench {

// A channel that shares no connection with others.
inline std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// What a completion belongs to.
struct Call {
  enum Step : uintptr_t { kStarted, kRead, kWritten, kFinished };
  virtual ~Call() = default;
  // `ok` as the completion queue gave it.
  virtual void On(Step step, bool ok) = 0;
  // Tags are the call's address with the step in its low bits.
  void* Tag(Step step) { return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(this) | step); }

  static void Dispatch(void* tag, bool ok) {
    const auto value = reinterpret_cast<uintptr_t>(tag);
    reinterpret_cast<Call*>(value & ~uintptr_t{7})->On(static_cast<Step>(value & 7), ok);
  }
};

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
    if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return false;
    Call::Dispatch(tag, ok);
    return true;
  }

  void MustStep(const std::string& missing) {
    if (!Step(Now() + PubsubLink::kSilenceNs)) Die("nothing came, still missing: " + missing);
  }

 private:
  grpc::CompletionQueue queue_;
};

}  // namespace channel::bench
