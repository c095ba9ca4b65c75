// Asynchronous gRPC calls of a load client, on a completion queue that it turns itself (gRPC's
// callback API sleeps by itself, which is the fault to look for in the service); a Subscribe
// stream.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/pubsub_run.h"

namespace channel::bench {

// A channel that shares no connection with others.
inline std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// The owner of completions.
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

// Used on the thread that turns the queue. Anything but publications of its groups ends the process
// with a text: a gap, the end of the stream, malformed bytes.
class GrpcSubscriber final : public Call {
 public:
  // Gets group and body of each publication (empty if it has none), and when it was read.
  using OnMessage = std::function<void(std::string_view group, std::string_view body, int64_t now)>;

  // Has all groups when it returns.
  GrpcSubscriber(const std::string& address, std::vector<std::string> groups, CallQueue& queue,
                 OnMessage on_message);

  void On(Step step, bool ok) override;

 private:
  void Take();
  void OnPublication(std::string_view publication, int64_t now);

  const std::vector<std::string> groups_;
  const OnMessage on_message_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  size_t subscribed_ = 0;  // groups
};

}  // namespace channel::bench
