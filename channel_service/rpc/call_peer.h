// The peer of a call: where it is counted, and its place among the open streams.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "channel_service/rpc/context.h"
#include "channel_service/rpc/status.h"

namespace channel {

// A member of a call; loop thread only.
class CallPeer {
 public:
  explicit CallPeer(RpcContext& context) : context_(context) {}
  CallPeer(const CallPeer&) = delete;
  CallPeer& operator=(const CallPeer&) = delete;
  ~CallPeer() {
    if (has_place_) context_.stream_places.Give(tally_->address());
    if (tally_ != nullptr) tally_->OnClosed();
  }

  // A client has called.
  void OnAccepted(const grpc::ServerContext& call) {
    tally_ = context_.guard.Find(call.peer());
    if (tally_ != nullptr) tally_->OnOpened();
  }

  // For a stream, after OnAccepted: takes a place among the open ones, until it is destroyed.
  absl::Status TakePlace() {
    if (tally_ == nullptr) return absl::CancelledError("the connection is gone");
    has_place_ = context_.stream_places.Take(tally_->address());
    return has_place_ ? absl::OkStatus() : TooManyStreamsError();
  }

  // The address, for shares; of nobody, if the connection is gone.
  PeerAddress address() const { return tally_ != nullptr ? tally_->address() : PeerAddress{}; }

  void OnMessage(size_t bytes) {
    if (tally_ != nullptr) tally_->OnMessage(bytes);
  }
  void OnCancelled() {
    if (tally_ != nullptr) tally_->OnCancelled();
  }

 private:
  RpcContext& context_;
  std::shared_ptr<ConnectionTally> tally_;  // null if the connection is gone
  bool has_place_ = false;
};

}  // namespace channel
