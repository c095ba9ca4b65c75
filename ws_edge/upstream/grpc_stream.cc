#include "ws_edge/upstream/grpc_stream.h"

#include <grpcpp/channel.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/wire/byte_buffer.h"

namespace edge {

GrpcStream::GrpcStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                       Transport::Wait wait, grpc::CompletionQueue* queue, size_t& received_bytes,
                       Observer* observer)
    : observer_(observer), received_bytes_(received_bytes), stub_(channel) {
  context_.set_wait_for_ready(wait == Transport::Wait::kForConnection);
  call_ = stub_.PrepareCall(&context_, method, queue);
}

const char* GrpcStream::ToString(State state) {
  switch (state) {
    case State::kNew:
      return "new";
    case State::kOpening:
      return "opening";
    case State::kUp:
      return "up";
    case State::kEnding:
      return "ending";
    case State::kEnded:
      return "ended";
    case State::kOver:
      return "over";
  }
  return "?";
}

void GrpcStream::ChangeState(State to, const char* why) {
  // Each step is taken once and in this order; a stream that never came up leaves out kUp.
  const bool next = static_cast<int>(to) == static_cast<int>(state_) + 1;
  CHANNEL_CHECK(next || (state_ == State::kOpening && to == State::kEnding));
  spdlog::debug("stream: {} -> {}: {}", ToString(state_), ToString(to), why);
  state_ = to;
}

void GrpcStream::Start() {
  ChangeState(State::kOpening, "started");
  call_->StartCall(&on_started_);
}

void GrpcStream::Write(std::string message) {
  CHANNEL_CHECK(CanWrite());
  write_outstanding_ = true;
  call_->Write(channel::ToByteBuffer(std::move(message)), &on_written_);
}

std::string GrpcStream::Metadata(const std::string& key) const {
  const auto& metadata = context_.GetServerInitialMetadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

void GrpcStream::OnStarted(bool ok) {
  if (ok) {
    call_->ReadInitialMetadata(&on_metadata_);
  } else {
    Finish("it could not start");
  }
}

void GrpcStream::OnMetadata(bool ok) {
  if (!ok) {
    Finish("the service did not accept the call");
    return;
  }
  ChangeState(State::kUp, "the service has accepted the call");
  call_->Read(&message_, &on_read_);
  observer_->OnStreamUp(this);
}

void GrpcStream::OnRead(bool ok) {
  if (!ok) {
    Finish("there is nothing more to read");
    return;
  }
  received_bytes_ += message_.Length();
  grpc::ProtoBufferReader reader(&message_);
  observer_->OnStreamMessage(this, &reader);
  call_->Read(&message_, &on_read_);
}

void GrpcStream::OnWritten(bool) {
  write_outstanding_ = false;  // a write that failed is followed by a read that fails
  if (state_ == State::kEnded) TellOver();
}

void GrpcStream::Finish(const char* why) {
  ChangeState(State::kEnding, why);
  call_->Finish(&status_, &on_finished_);
}

void GrpcStream::OnFinished(bool) {
  ChangeState(State::kEnded, "the status is there");
  if (!write_outstanding_) TellOver();
}

void GrpcStream::TellOver() {
  ChangeState(State::kOver, "nothing is outstanding");
  const absl::Status status(static_cast<absl::StatusCode>(status_.error_code()),
                            status_.error_message());
  observer_->OnStreamOver(this, status);
}

}  // namespace edge
