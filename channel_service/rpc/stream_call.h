// A stream of the service, from the client's call to the status: what Subscribe, PublishStream
// and reflection share.
//
// A call owns itself: it is destroyed when it was finished, nothing of it is outstanding in gRPC,
// and it is not marked for a flush nor waits for a slice. Loop thread only. At most one read and
// one write are on their way. Requests are read one at a time while the stream is open; when it
// ends, what is still to be written goes out before the status. The first status counts.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/status/status.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/hub/flush_list.h"
#include "channel_service/rpc/call_peer.h"
#include "channel_service/rpc/context.h"

namespace channel {

class StreamCall : public OpenStream, public Flushable, public SlicedWork {
 public:
  // Ends with UNAVAILABLE.
  void Drain() override;

 protected:
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  enum class State {
    kWaiting,    // for a client's call
    kOpen,       // requests are read
    kEnding,     // no request is read; the status follows what is still to be written
    kBroken,     // the client is gone: what is still to be written is dropped
    kFinishing,  // the status was given to gRPC
    kFinished,
  };

  // `name`: of the method, for the log. The constructor of the call itself then asks gRPC for a
  // call of its method, with on_accepted() as the tag.
  StreamCall(RpcContext& context, const char* name, AcceptCall accept_next);
  ~StreamCall() override = default;

  RpcContext& context() { return context_; }
  grpc::ServerContext& server_context() { return server_context_; }
  Stream* stream() { return &stream_; }
  CallPeer& peer() { return peer_; }
  void* on_accepted() { return &on_accepted_; }

  State state() const { return state_; }
  bool reading() const { return reading_; }
  bool writing() const { return writing_; }
  bool waits_for_slice() const { return waits_for_slice_; }
  void StartRead();
  void StartWrite(std::string block);
  void End(absl::Status status);
  // Calls OnFlush at the end of the turn.
  void MarkForFlush() { context_.flush_list.Mark(this); }
  // True if others wait for slices, so that a request must wait for its turn, too.
  bool others_wait() const { return !context_.slices.empty(); }
  // Calls OnSlice when it is this call's turn, until that returns false.
  void StartSlices();

 private:
  static const char* ToString(State state);
  void ChangeState(State to, const std::string& why);

  // The stream is open; before its metadata are sent.
  virtual void OnOpen() {}
  virtual void OnRequest(grpc::ByteBuffer* request) = 0;
  // The client sends no more requests; it may still receive.
  virtual void OnHalfClose() {}
  // The transport has taken the metadata, or a block.
  virtual void OnWritten() {}
  // The stream was open, and is ending or broken.
  virtual void OnEnd() {}
  // Does a part of the request; returns whether more of it is left.
  virtual bool OnSlice() { return false; }
  // Called at the end of a turn until the status is given: writes what is to be written, if no
  // write is on its way.
  virtual void OnFlush() = 0;
  // True if nothing is left to be written, now or later.
  virtual bool WroteAll() const = 0;

  void Break();
  void OnAccepted(bool ok);
  void OnRead(bool ok);
  void OnWriteDone(bool ok);
  void OnDone(bool ok);
  void OnFinished(bool ok);
  void Flush() final;
  bool DoSlice() final;

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
  const char* const name_;
  const AcceptCall accept_next_;
  State state_ = State::kWaiting;
  // Operations that are outstanding in gRPC.
  bool reading_ = false;
  bool writing_ = false;
  bool done_outstanding_ = false;  // OnDone, when the call is over
  bool waits_for_slice_ = false;
  absl::Status final_status_;  // from kEnding, kBroken on
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_;
  Stream stream_{&server_context_};
  MemberEvent<StreamCall, &StreamCall::OnAccepted> on_accepted_{this};
  MemberEvent<StreamCall, &StreamCall::OnRead> on_read_{this};
  MemberEvent<StreamCall, &StreamCall::OnWriteDone> on_write_done_{this};
  MemberEvent<StreamCall, &StreamCall::OnDone> on_done_{this};
  MemberEvent<StreamCall, &StreamCall::OnFinished> on_finished_{this};
};

}  // namespace channel
