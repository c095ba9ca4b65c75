#include "channel_service/rpc/subscribe_call.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "channel_service/base/strings.h"
#include "channel_service/rpc/completion_loop.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/byte_buffer.h"

namespace channel {
namespace {

// While this much waits for the client, its further subscriptions are not begun: what they missed
// would only fill the queue. What one of them missed fits into the other half (limits.cc).
size_t CatchUpQueueBytesMax(const ServiceLimits& limits) {
  return std::min<size_t>(4 << 20, limits.subscriber_queue_bytes_max / 2);
}

// One stream. Owns itself: destroyed when the call is over, nothing of it is outstanding in gRPC,
// and it is not marked for a flush.
class SubscribeCall final : public Subscriber, public OpenStream {
 public:
  explicit SubscribeCall(RpcContext& context)
      : Subscriber(context.flush_list, context.hub_metrics,
                   context.limits.subscriber_queue_bytes_max),
        context_(context) {
    server_context_.AsyncNotifyWhenDone(&on_done_);
    context_.service.RequestSubscribe(&server_context_, &stream_, &context_.queue, &context_.queue,
                                      &on_accepted_);
  }

  void Drain() override { End(DrainingError()); }

 private:
  ~SubscribeCall() override = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    if (context_.accepting) AcceptSubscribe(context_);
    context_.open_streams.insert(this);
    context_.hub.Add(this);
    done_outstanding_ = true;
    // The client learns from the metadata that the stream is up, and what accepted means here.
    server_context_.AddInitialMetadata("channel-acknowledged-in",
                                       context_.engine.acknowledged_in());
    metadata_outstanding_ = true;
    stream_.SendInitialMetadata(&on_metadata_sent_);
    if (context_.draining) {
      End(DrainingError());
    } else if (context_.open_streams.size() > kOpenStreamsMax) {
      End(TooManyStreamsError());
    } else {
      StartRead();
    }
  }

  void StartRead() {
    read_outstanding_ = true;
    stream_.Read(&request_buffer_, &on_read_);
  }

  void OnRead(bool ok) {
    read_outstanding_ = false;
    // Not ok: the client half-closed or is gone. Half-closed it goes on receiving; OnDone tells the
    // rest.
    if (ok && !final_status_.has_value()) {
      next_subscription_ = 0;
      absl::Status status = ParseRequest(&request_buffer_, &request_);
      if (status.ok()) status = ValidateSubscribe(request_);
      if (!status.ok()) {
        request_.Clear();
        End(std::move(status));
      } else {
        for (const std::string& group_id : request_.unsubscribe()) {
          context_.hub.Unsubscribe(this, group_id);
        }
        SubscribeOn();
      }
    }
    context_.flush_list.Mark(this);
  }

  // Begins the subscriptions of the request, as far as the queue allows; then reads the next
  // request.
  void SubscribeOn() {
    while (next_subscription_ < request_.subscribe_size() && !final_status_.has_value()) {
      if (queued_bytes() > CatchUpQueueBytesMax(context_.limits))
        return;  // goes on when blocks were written
      const v1::Subscription& wanted = request_.subscribe(next_subscription_++);
      absl::Status status = ValidateSubscription(wanted);
      if (status.ok()) {
        const SubscribeInput input{.group_id = wanted.group_id(),
                                   .since = ToPosition(wanted.since()),
                                   .last = wanted.last(),
                                   .tag = wanted.tag()};
        status = context_.hub.Subscribe(this, input);
      }
      if (!status.ok()) End(std::move(status));
    }
    if (!read_outstanding_ && !final_status_.has_value()) StartRead();
  }

  void StartWrite(std::string block) override {
    stream_.Write(ToByteBuffer(std::move(block)), &on_write_done_);
  }

  void OnWriteDone(bool ok) {
    OnWritten();
    if (ok) {
      if (next_subscription_ < request_.subscribe_size()) SubscribeOn();
    } else {
      Close();  // OnDone follows
    }
    context_.flush_list.Mark(this);
  }

  void OnOverflow() override {
    spdlog::warn("subscriber {} reads too slowly: stream ended", ToStd(server_context_.peer()));
    final_status_ = absl::ResourceExhaustedError(
        "the client reads too slowly; reconnect and subscribe with since");
    // A write that the client does not take would hold the status up for ever.
    if (write_outstanding()) server_context_.TryCancel();
  }

  void OnUnavailable() override { End(StatusOf(PublishCode::kUnavailable)); }

  // No more is taken or queued; the status goes out when the last write is done.
  void End(absl::Status status) {
    if (!final_status_.has_value()) final_status_ = std::move(status);
    context_.flush_list.Mark(this);
  }

  // The call is over: finished by us, or cancelled, or the connection broke.
  void OnDone(bool) {
    done_outstanding_ = false;
    End(absl::CancelledError());
  }

  void OnMetadataSent(bool) {
    metadata_outstanding_ = false;
    context_.flush_list.Mark(this);
  }

  void OnFinished(bool) {
    finished_ = true;
    context_.flush_list.Mark(this);
  }

  void Flush() override {
    if (!done_outstanding_) Close();
    Subscriber::Flush();
    if (!final_status_.has_value()) return;
    if (!removed_) {
      removed_ = true;
      context_.hub.Remove(this);
    }
    if (write_outstanding() || metadata_outstanding_) return;
    if (!finish_started_) {
      finish_started_ = true;
      stream_.Finish(ToGrpc(*final_status_), &on_finished_);
    } else if (finished_ && !done_outstanding_ && !read_outstanding_) {
      context_.open_streams.erase(this);
      delete this;
    }
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_buffer_;
  v1::SubscribeRequest request_;
  int next_subscription_ = 0;  // of request_
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&server_context_};
  std::optional<absl::Status> final_status_;  // set: the stream ends with it
  bool read_outstanding_ = false;
  bool metadata_outstanding_ = false;
  bool done_outstanding_ = false;
  bool removed_ = false;  // from the hub
  bool finish_started_ = false;
  bool finished_ = false;
  MemberEvent<SubscribeCall, &SubscribeCall::OnAccepted> on_accepted_{this};
  MemberEvent<SubscribeCall, &SubscribeCall::OnRead> on_read_{this};
  MemberEvent<SubscribeCall, &SubscribeCall::OnWriteDone> on_write_done_{this};
  MemberEvent<SubscribeCall, &SubscribeCall::OnMetadataSent> on_metadata_sent_{this};
  MemberEvent<SubscribeCall, &SubscribeCall::OnDone> on_done_{this};
  MemberEvent<SubscribeCall, &SubscribeCall::OnFinished> on_finished_{this};
};

}  // namespace

void AcceptSubscribe(RpcContext& context) { new SubscribeCall(context); }

}  // namespace channel
