// A Subscribe stream of a load client.
#pragma once

#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/call_queue.h"

namespace channel::bench {

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
