#include "channel_service/client/raw_stream.h"

#include <grpcpp/channel.h>

#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/model/byte_buffer.h"

namespace channel {

RawStream::RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                     grpc::CompletionQueue* queue, Observer* observer, Wait wait)
    : observer_(observer), stub_(channel) {
  context_.set_wait_for_ready(wait == Wait::kForConnection);
  call_ = stub_.PrepareCall(&context_, method, queue);
}

void RawStream::Start() { call_->StartCall(&on_started_); }

void RawStream::Write(std::string message) {
  CHANNEL_CHECK(CanWrite());
  write_outstanding_ = true;
  call_->Write(ToByteBuffer(std::move(message)), &on_written_);
}

std::string RawStream::Metadata(const std::string& key) const {
  const auto& metadata = context_.GetServerInitialMetadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

void RawStream::OnStarted(bool ok) {
  if (ok) {
    call_->ReadInitialMetadata(&on_metadata_);
  } else {
    Finish();
  }
}

void RawStream::OnMetadata(bool ok) {
  if (!ok) {
    Finish();
    return;
  }
  up_ = true;
  call_->Read(&message_, &on_read_);
  observer_->OnStreamUp();
}

void RawStream::OnRead(bool ok) {
  if (!ok) {
    Finish();
    return;
  }
  observer_->OnStreamMessage(this, message_);
  call_->Read(&message_, &on_read_);
}

void RawStream::OnWritten(bool) {
  write_outstanding_ = false;  // a write that failed is followed by a read that fails
  TellOver();
}

void RawStream::Finish() {
  finish_started_ = true;
  call_->Finish(&status_, &on_finished_);
}

void RawStream::OnFinished(bool) {
  finished_ = true;
  TellOver();
}

void RawStream::TellOver() {
  if (!finished_ || write_outstanding_) return;
  over_ = true;
  observer_->OnStreamOver(this, status_);
}

}  // namespace channel
