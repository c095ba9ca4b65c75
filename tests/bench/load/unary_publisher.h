// One publisher that calls the unary `Publish`, one call after the other, and the completion queue
// that it shares with others.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/grpc_subscriber.h"
#include "tests/bench/load/message.h"

namespace channel::bench {

inline constexpr char kUnaryGroup[] = "bench-publish";

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
    std::fprintf(stderr, "unary call: %s\n", why.c_str());
    std::exit(1);
  }

  grpc::CompletionQueue queue_;
};

// One unary call after the other.
class UnaryPublisher final : public Call {
 public:
  UnaryPublisher(const std::shared_ptr<grpc::Channel>& connection, CallQueue& queue, uint32_t bytes)
      : queue_(queue), stub_(v1::ChannelService::NewStub(connection)) {
    request_.set_group_id(kUnaryGroup);
    request_.mutable_message()->resize(bytes);
  }

  // Only when no call is on its way.
  void Start(uint64_t sequence) {
    std::string& message = *request_.mutable_message();
    WriteMessage(sequence, static_cast<uint32_t>(message.size()), message.data());
    context_ = std::make_unique<grpc::ClientContext>();
    start_ = Now();
    call_ = stub_->AsyncPublish(context_.get(), request_, queue_.get());
    call_->Finish(&response_, &status_, Tag(kFinished));
    finished_ = 0;
  }

  void On(Step, bool) override {
    finished_ = Now();
    if (!status_.ok() || response_.duplicate() || response_.position().offset() == 0) {
      std::fprintf(stderr, "Publish failed: %s\n", status_.error_message().c_str());
      std::exit(1);
    }
    if (on_finished) on_finished(*this);
  }

  int64_t start() const { return start_; }
  bool finished() const { return finished_ != 0; }
  int64_t duration() const { return finished_ - start_; }

  std::function<void(UnaryPublisher&)> on_finished;

 private:
  CallQueue& queue_;
  std::unique_ptr<v1::ChannelService::Stub> stub_;
  v1::PublishRequest request_;
  v1::PublishResponse response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::PublishResponse>> call_;
  int64_t start_ = 0;
  int64_t finished_ = 0;
};

}  // namespace channel::bench
