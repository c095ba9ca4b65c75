#include "channel_service/rpc/subscribe_call.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "channel_service/base/strings.h"
#include "channel_service/handlers/convert.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/handlers/validate.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/request_entries.h"
#include "channel_service/rpc/stream_call.h"

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
        subscriber_(context.flush_list, this, context.handlers.limits.subscriber_queue_bytes_max,
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
                                        context().handlers.engine.acknowledged_in());
  }

  void OnRequest(grpc::ByteBuffer* bytes) override {
    v1::SubscribeRequest rest;
    absl::Status status = entries_.Open(*bytes, &rest);
    bytes->Clear();
    if (status.ok()) status = peer().Hold(entries_.bytes());
    if (!status.ok()) {
      entries_.Close();
      End(std::move(status));
    } else if (others_wait() || DoSome()) {
      StartSlices();
    }
  }

  bool OnSlice() override {
    if (state() == State::kOpen) {
      const bool more = DoSome();
      if (state() == State::kOpen) return more;
    }
    CloseRequest();
    has_left_ = !context().hub.Remove(&subscriber_, kGroupsLeftPerSlice);
    return !has_left_;
  }

  // Takes the next entries of the request, as far as the queue allows, or reads the next request.
  // Returns whether more can be taken now.
  bool DoSome() {
    using Request = v1::SubscribeRequest;
    for (SliceClock clock; state() == State::kOpen && !clock.IsOver();) {
      if (const auto group_id = NextUnsubscribe(); group_id.has_value()) {
        Unsubscribe(*group_id);
        continue;
      }
      // OnWritten goes on.
      queue_is_full_ = subscriber_.queued_bytes() > CatchUpQueueBytesMax(context().handlers.limits);
      if (queue_is_full_) return false;
      const auto subscription = entries_.Next(Request::kSubscribeFieldNumber);
      if (!subscription.has_value()) {
        CloseRequest();
        if (!reading()) StartRead();
        return false;
      }
      Subscribe(*subscription);
    }
    return state() == State::kOpen && entries_.open();
  }

  // They come before the subscriptions.
  std::optional<std::string_view> NextUnsubscribe() {
    if (unsubscribed_all_) return std::nullopt;
    const auto group_id = entries_.Next(v1::SubscribeRequest::kUnsubscribeFieldNumber);
    unsubscribed_all_ = !group_id.has_value();
    return group_id;
  }

  void Unsubscribe(std::string_view group_id) {
    if (IsUtf8(group_id)) {
      context().hub.Unsubscribe(&subscriber_, group_id);
    } else {
      End(NotUtf8Error(fmt::format("unsubscribe[{}]", entries_.index())));
    }
  }

  void Subscribe(std::string_view bytes) {
    v1::Subscription wanted;
    absl::Status status;
    if (bytes.size() > kRequestBytesMax) {
      status = TooLongError(fmt::format("subscribe[{}]", entries_.index()), bytes.size(),
                            kRequestBytesMax);
    } else if (ParseKnown(bytes, &wanted)) {
      status = ValidateSubscription(wanted);
      if (status.ok()) status = context().hub.Subscribe(&subscriber_, ToSubscribeInput(wanted));
    } else {
      const auto& type = *wanted.GetDescriptor();
      status = BadTextError(bytes, type, fmt::format("subscribe[{}].", entries_.index()));
      if (status.ok()) status = NotARequestError(type);
    }
    if (!status.ok()) End(std::move(status));
  }

  void CloseRequest() {
    peer().Release(entries_.bytes());
    entries_.Close();
    unsubscribed_all_ = false;
  }

  void OnWritten() override {
    if (queue_is_full_ && DoSome()) StartSlices();
  }

  void OnEnd() override {
    if (!waits_for_slice()) StartSlices();
  }

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

  bool WroteAll() const override { return has_left_ && subscriber_.queued_bytes() == 0; }

  Subscriber subscriber_;
  RequestEntries entries_;  // of the request that is worked off; the peer holds its bytes
  bool unsubscribed_all_ = false;
  bool queue_is_full_ = false;  // the request waits for room
  bool has_left_ = false;       // the hub
};

}  // namespace

void AcceptSubscribe(RpcContext& context) { new SubscribeCall(context); }

}  // namespace channel
