#include "channel_service/rpc/subscribe_call.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "channel_service/base/strings.h"
#include "channel_service/rpc/convert.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/stream_call.h"
#include "channel_service/rpc/validate.h"

namespace channel {
namespace {

// While this much waits for the client, its further subscriptions are not begun: what they missed
// would only fill the queue. The other half has room for what one of them missed
// (ServiceLimits::Check).
size_t CatchUpQueueBytesMax(const ServiceLimits& limits) {
  return std::min<size_t>(4 << 20, limits.subscriber_queue_bytes_max / 2);
}

class SubscribeCall final : public StreamCall {
 public:
  explicit SubscribeCall(RpcContext& context)
      : StreamCall(context, "Subscribe", &AcceptSubscribe),
        subscriber_(context.flush_list, this, context.limits.subscriber_queue_bytes_max,
                    context.queue_total) {
    context.service.RequestSubscribe(&server_context(), stream(), &context.queue, &context.queue,
                                     on_accepted());
  }

 private:
  ~SubscribeCall() override = default;

  void OnOpen() override {
    context().hub.Add(&subscriber_, peer().address());
    // Tells what "accepted" means here.
    server_context().AddInitialMetadata("channel-acknowledged-in",
                                        context().engine.acknowledged_in());
  }

  void OnRequest(grpc::ByteBuffer* bytes) override {
    next_subscription_ = 0;
    absl::Status status = ParseRequest(bytes, &request_);
    if (status.ok()) status = ValidateSubscribe(request_);
    if (!status.ok()) {
      request_.Clear();
      End(std::move(status));
      return;
    }
    for (const std::string& group_id : request_.unsubscribe()) {
      context().hub.Unsubscribe(&subscriber_, group_id);
    }
    SubscribeOn();
  }

  // Begins the subscriptions of the request, as far as the queue allows; then reads the next
  // request.
  void SubscribeOn() {
    while (HasSubscription() && state() == State::kOpen) {
      // OnWritten goes on.
      if (subscriber_.queued_bytes() > CatchUpQueueBytesMax(context().limits)) return;
      const v1::Subscription& wanted = request_.subscribe(next_subscription_++);
      absl::Status status = ValidateSubscription(wanted);
      if (status.ok()) status = context().hub.Subscribe(&subscriber_, ToSubscribeInput(wanted));
      if (!status.ok()) End(std::move(status));
    }
    if (!reading() && state() == State::kOpen) StartRead();
  }

  bool HasSubscription() const { return next_subscription_ < request_.subscribe_size(); }

  void OnWritten() override {
    if (HasSubscription()) SubscribeOn();
  }

  void OnEnd() override { context().hub.Remove(&subscriber_); }

  void OnFlush() override {
    switch (subscriber_.state()) {
      case Subscriber::State::kOpen:
        break;
      case Subscriber::State::kOverflowed:
        OnOverflow();
        break;
      case Subscriber::State::kUnavailable:
        End(StatusOf(PublishCode::kUnavailable));
        break;
      case Subscriber::State::kClosed:
        break;
    }
    if (state() == State::kBroken) subscriber_.Close();
    if (writing()) return;
    std::string block = subscriber_.TakeBlock();
    if (block.empty()) return;
    context().hub_metrics.writes.Increment();
    StartWrite(std::move(block));
  }

  void OnOverflow() {
    subscriber_.Close();
    context().hub_metrics.overflows.Increment();
    const auto left_out = context().slow_readers_log.Pass(std::chrono::steady_clock::now());
    if (left_out.has_value()) {
      spdlog::warn("subscriber {} reads too slowly: stream ended; {} more since the last such line",
                   ToStd(server_context().peer()), *left_out);
    }
    End(absl::ResourceExhaustedError(
        "the client reads too slowly; reconnect and subscribe with since"));
    // A write that the client does not take would hold the status up for ever.
    if (writing()) server_context().TryCancel();
  }

  bool WroteAll() const override { return subscriber_.queued_bytes() == 0; }

  Subscriber subscriber_;
  v1::SubscribeRequest request_;
  int next_subscription_ = 0;  // of request_
};

}  // namespace

void AcceptSubscribe(RpcContext& context) { new SubscribeCall(context); }

}  // namespace channel
