// The peer of a call: where it is counted, its place among the open streams, and its part of the
// bytes that calls hold.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "channel_service/base/clock.h"
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
    Release(held_bytes_);
    if (tally_ != nullptr) tally_->OnClosed();
  }

  // A client has called.
  void OnAccepted(const grpc::ServerContext& call) {
    accepted_at_ = std::chrono::steady_clock::now();
    tally_ = context_.guard.Find(call.peer());
    if (tally_ != nullptr) tally_->OnOpened();
  }

  bool has_place() const { return has_place_; }
  // True if there is nobody to answer: work for the call is for nothing.
  bool gone() const { return tally_ == nullptr || tally_->gone(); }
  static absl::Status GoneError() { return absl::CancelledError("the connection is gone"); }

  // For a stream, after OnAccepted: takes a place among the open ones, until it is destroyed.
  absl::Status TakePlace() {
    if (gone()) return GoneError();
    has_place_ = context_.stream_places.Take(tally_->address());
    return has_place_ ? absl::OkStatus() : TooManyStreamsError();
  }

  // Counts bytes that the call holds from now on, until they are released or it is destroyed;
  // RESOURCE_EXHAUSTED if its address has its share of them.
  absl::Status Hold(size_t bytes) {
    if (bytes == 0) return absl::OkStatus();
    if (tally_ == nullptr) return GoneError();
    if (!context_.held_bytes.Take(tally_->address(), bytes)) return TooMuchHeldError();
    held_bytes_ += bytes;
    return absl::OkStatus();
  }
  void Release(size_t bytes) {
    if (bytes == 0) return;
    context_.held_bytes.Give(tally_->address(), bytes);
    held_bytes_ -= bytes;
  }

  // The address, for shares; of nobody, if the connection is gone.
  PeerAddress address() const {
    return tally_ != nullptr ? tally_->address() : PeerAddress::kNobody;
  }

  void OnMessage(size_t bytes) {
    if (tally_ != nullptr) tally_->OnMessage(bytes);
  }
  // The call is cancelled, or refused for its request or what its address has. That is no waste
  // if it has lived: a stream has no other end, and a client may be in haste.
  void OnWasted() {
    const bool young = std::chrono::steady_clock::now() - accepted_at_ < kWastedCallAgeMax;
    if (tally_ != nullptr && young) tally_->OnWasted();
  }

 private:
  RpcContext& context_;
  std::shared_ptr<ConnectionTally> tally_;  // null if the connection is gone
  SteadyTime accepted_at_ = {};
  bool has_place_ = false;
  size_t held_bytes_ = 0;
};

}  // namespace channel
