// A Stream that is one gRPC call, with its completions on a queue of the poller.
//
// gRPC's callbacks come through the poller, on the loop thread. The bytes that are read are counted
// for the poller, which bounds a turn by them.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "channel_service/base/completion_event.h"
#include "ws_edge/upstream/stream.h"

namespace edge {

class GrpcStream final : public Stream {
 public:
  // `received_bytes` is added to.
  GrpcStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
             Transport::Wait wait, grpc::CompletionQueue* queue, size_t& received_bytes,
             Observer* observer);

  void Start() override;
  void Cancel() override { context_.TryCancel(); }
  bool up() const override { return state_ == State::kUp; }
  bool over() const override { return state_ == State::kOver; }
  bool CanWrite() const override { return state_ == State::kUp && !write_outstanding_; }
  void Write(std::string message) override;
  std::string Metadata(const std::string& key) const override;

 private:
  enum class State {
    kNew,
    kOpening,
    kUp,
    kEnding,  // Finish is outstanding
    kEnded,   // it is not, but a write is
    kOver,
  };
  static const char* ToString(State state);
  void ChangeState(State to, const char* why);

  void OnStarted(bool ok);
  void OnMetadata(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void Finish(const char* why);
  void TellOver();

  Observer* const observer_;
  size_t& received_bytes_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer message_;
  grpc::Status status_;
  State state_ = State::kNew;
  bool write_outstanding_ = false;
  template <void (GrpcStream::*kMethod)(bool)>
  using Event = channel::MemberEvent<GrpcStream, kMethod>;
  Event<&GrpcStream::OnStarted> on_started_{this};
  Event<&GrpcStream::OnMetadata> on_metadata_{this};
  Event<&GrpcStream::OnRead> on_read_{this};
  Event<&GrpcStream::OnWritten> on_written_{this};
  Event<&GrpcStream::OnFinished> on_finished_{this};
};

}  // namespace edge
