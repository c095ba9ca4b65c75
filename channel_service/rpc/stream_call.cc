#include "channel_service/rpc/stream_call.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/base/strings.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/limits.h"
#include "channel_service/rpc/status.h"
#include "channel_service/wire/byte_buffer.h"

namespace channel {

StreamCall::StreamCall(RpcContext& context, const char* name, AcceptCall accept_next)
    : context_(context), name_(name), accept_next_(accept_next) {
  server_context_.AsyncNotifyWhenDone(&on_done_);
}

const char* StreamCall::ToString(State state) {
  switch (state) {
    case State::kWaiting:
      return "waiting";
    case State::kOpen:
      return "open";
    case State::kEnding:
      return "ending";
    case State::kBroken:
      return "broken";
    case State::kFinishing:
      return "finishing";
    case State::kFinished:
      return "finished";
  }
  return "?";
}

void StreamCall::ChangeState(State to, const std::string& why) {
  // States only go forward, and the status is given once.
  CHANNEL_CHECK(to > state_);
  CHANNEL_CHECK((to == State::kFinished) == (state_ == State::kFinishing));
  spdlog::debug("{}: {} -> {}: {}", name_, ToString(state_), ToString(to), why);
  state_ = to;
}

void StreamCall::Drain() { End(DrainingError()); }

void StreamCall::OnAccepted(bool ok) {
  if (!ok) {
    delete this;
    return;
  }
  context_.next_calls.Replace(context_, accept_next_);
  context_.open_streams.insert(this);
  ChangeState(State::kOpen, "called");
  done_outstanding_ = true;
  peer_.OnAccepted(server_context_);
  absl::Status place = peer_.TakePlace();
  OnOpen();
  // The client learns from the metadata that the stream is up.
  writing_ = true;
  stream_.SendInitialMetadata(&on_write_done_);
  if (context_.handlers.draining) {
    End(DrainingError());
  } else if (!place.ok()) {
    End(std::move(place));
  } else {
    StartRead();
  }
}

void StreamCall::StartRead() {
  CHANNEL_CHECK(!reading_);
  reading_ = true;
  stream_.Read(&request_, &on_read_);
}

void StreamCall::OnRead(bool ok) {
  reading_ = false;
  if (state_ == State::kOpen) {
    if (ok) {
      peer_.OnMessage(request_.Length());
      OnRequest(&request_);
    } else {
      OnHalfClose();
    }
  }
  MarkForFlush();
}

void StreamCall::StartSlices() {
  CHANNEL_CHECK(!waits_for_slice_);
  waits_for_slice_ = true;
  context_.slices.Add(peer_.address(), this);
}

bool StreamCall::DoSlice() {
  waits_for_slice_ = OnSlice();
  if (!waits_for_slice_) MarkForFlush();
  return waits_for_slice_;
}

void StreamCall::StartWrite(std::string block) {
  CHANNEL_CHECK(!writing_);
  writing_ = true;
  stream_.Write(ToByteBuffer(std::move(block)), &on_write_done_);
}

void StreamCall::OnWriteDone(bool ok) {
  writing_ = false;
  if (ok) {
    OnWritten();
  } else {
    Break();
  }
  MarkForFlush();
}

void StreamCall::End(absl::Status status) {
  if (state_ != State::kOpen) return;
  // Who has more streams than places will try again, and is not to lose those that have one.
  const bool is_fault = !status.ok() && !absl::IsUnavailable(status);
  if (is_fault && peer_.has_place()) peer_.OnWasted();
  ChangeState(State::kEnding, status.ok() ? "no more requests" : std::string(MessageOf(status)));
  final_status_ = std::move(status);
  OnEnd();
  MarkForFlush();
}

void StreamCall::Break() {
  if (state_ != State::kOpen && state_ != State::kEnding) return;
  const bool was_open = state_ == State::kOpen;
  ChangeState(State::kBroken, "the client is gone");
  if (!was_open) return;
  final_status_ = absl::CancelledError();
  OnEnd();
}

// The call is over: finished by us, or cancelled, or the connection broke.
void StreamCall::OnDone(bool) {
  done_outstanding_ = false;
  if (state_ < State::kFinishing) peer_.OnWasted();
  Break();
  MarkForFlush();
}

void StreamCall::OnFinished(bool) {
  ChangeState(State::kFinished, "the status is sent, or there is nobody to send it to");
  MarkForFlush();
}

void StreamCall::Flush() {
  if (state_ < State::kFinishing) OnFlush();
  const bool ending = state_ == State::kEnding || state_ == State::kBroken;
  if (ending && !writing_ && WroteAll()) {
    ChangeState(State::kFinishing, "all is written");
    stream_.Finish(ToGrpc(final_status_), &on_finished_);
  } else if (state_ == State::kFinished && !reading_ && !done_outstanding_ && !waits_for_slice_) {
    context_.open_streams.erase(this);
    delete this;
  }
}

}  // namespace channel
