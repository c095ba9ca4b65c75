// One publisher that calls the unary `Publish`, one call after the other.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/call_queue.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/grpc_subscriber.h"
#include "tests/bench/load/message.h"

namespace channel::bench {

inline constexpr char kUnaryGroup[] = "bench-publish";

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
