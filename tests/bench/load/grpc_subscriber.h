// A Subscribe stream of a load client, read as bytes (see event_scan.h), on a completion queue that
// the client turns itself.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace channel::bench {

// A channel that shares no connection with others.
std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address);

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

// Owned by the load client, used on the thread that turns the queue. Anything but publications of
// its groups ends the process with a text: a gap, the end of the stream, malformed bytes.
class GrpcSubscriber final : public Call {
 public:
  // `on_message` gets group and body of each publication: empty if it has none.
  using OnMessage = std::function<void(std::string_view group, std::string_view body)>;

  GrpcSubscriber(const std::string& address, std::vector<std::string> groups,
                 grpc::CompletionQueue* queue, OnMessage on_message);
  ~GrpcSubscriber() override { context_.TryCancel(); }

  bool subscribed() const { return subscribed_ == groups_.size(); }
  uint64_t received() const { return received_; }

  void On(Step step, bool ok) override;

 private:
  void Take();
  void OnPublication(std::string_view publication);

  const std::vector<std::string> groups_;
  const OnMessage on_message_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  uint64_t received_ = 0;
  size_t subscribed_ = 0;  // groups
};

}  // namespace channel::bench
