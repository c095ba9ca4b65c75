// One bidirectional gRPC call with serialised messages both ways, on a completion queue.
//
// Owned by the client; loop thread only. Start once; it is over exactly once
// (OnStreamOver), after which it may be destroyed and not before. At most one write is outstanding.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "channel_service/base/completion_event.h"

namespace channel {

class RawStream {
 public:
  class Observer {
   public:
    // The service took the call.
    virtual void OnStreamUp() = 0;
    virtual void OnStreamMessage(RawStream* stream, grpc::ByteBuffer& message) = 0;
    // The call has ended, with this status; nothing of it is outstanding.
    virtual void OnStreamOver(RawStream* stream, const grpc::Status& status) = 0;

   protected:
    ~Observer() = default;
  };

  enum class Wait {
    kForConnection,  // as long as it takes; Cancel ends the wait
    kForAttempt,     // the next attempt to connect that fails ends the stream, with the reason
  };
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
            grpc::CompletionQueue* queue, Observer* observer, Wait wait = Wait::kForConnection);

  void Start();
  void Cancel() { context_.TryCancel(); }

  bool up() const { return up_; }
  bool over() const { return over_; }
  // A value of the service's initial metadata, once the stream is up; empty = not there.
  std::string Metadata(const std::string& key) const;
  bool CanWrite() const { return up_ && !write_outstanding_ && !finish_started_; }
  // Only if CanWrite.
  void Write(std::string message);

 private:
  void OnStarted(bool ok);
  void OnMetadata(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void Finish();
  void TellOver();

  Observer* const observer_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer message_;
  grpc::Status status_;
  bool up_ = false;
  bool write_outstanding_ = false;
  bool finish_started_ = false;
  bool finished_ = false;
  bool over_ = false;
  MemberEvent<RawStream, &RawStream::OnStarted> on_started_{this};
  MemberEvent<RawStream, &RawStream::OnMetadata> on_metadata_{this};
  MemberEvent<RawStream, &RawStream::OnRead> on_read_{this};
  MemberEvent<RawStream, &RawStream::OnWritten> on_written_{this};
  MemberEvent<RawStream, &RawStream::OnFinished> on_finished_{this};
};

}  // namespace channel
