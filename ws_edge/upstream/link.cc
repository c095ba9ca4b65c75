#include "ws_edge/upstream/link.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/model/epoch.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {
namespace {

// An address that does not answer in this time is given up, soon if there is another one.
constexpr std::chrono::seconds kConnectTimeout{3};
constexpr std::chrono::seconds kConnectTimeoutOfMany{1};
// A connection that is not made in this time has a reason, which is then asked for.
constexpr std::chrono::milliseconds kAskWhyAfter{300};
// Only a link that lasts is a success: a service that ends streams at once is not to be hurried.
constexpr std::chrono::seconds kLinkProven{5};
// How long one stream may go on after the service has ended the other.
constexpr std::chrono::seconds kLastWordsTimeout{1};
constexpr std::chrono::milliseconds kBackoffFirst{100};

}  // namespace

Link::Link(LinkOptions options, Transport& transport, const channel::Clock& clock,
           EdgeMetrics& metrics)
    : options_(std::move(options)),
      transport_(transport),
      clock_(clock),
      metrics_(metrics),
      report_(clock, metrics),
      backoff_(std::min(kBackoffFirst, options_.backoff_longest), options_.backoff_longest,
               options_.seed),
      subscriptions_([this] { transport_.WakeUp(); }),
      publisher_({.name = options_.publisher,
                  .timeout = options_.publish_timeout,
                  .message_bytes_max = options_.block_bytes_max,
                  .sent_max = options_.unanswered_max},
                 clock),
      next_address_(options_.first_address % options_.addresses.size()) {}

Link::~Link() { CHANNEL_CHECK(streams_.empty()); }

const char* Link::ToString(State state) {
  switch (state) {
    case State::kStopped:
      return "stopped";
    case State::kWaiting:
      return "waiting";
    case State::kConnecting:
      return "connecting";
    case State::kUp:
      return "up";
    case State::kEnding:
      return "ending";
  }
  return "?";
}

void Link::ChangeState(State to, const std::string& why) {
  switch (to) {
    case State::kStopped:
    case State::kConnecting:
      CHANNEL_CHECK(state_ == State::kWaiting);
      break;
    case State::kWaiting:
      CHANNEL_CHECK(state_ == State::kStopped || state_ == State::kEnding);
      break;
    case State::kUp:
      CHANNEL_CHECK(state_ == State::kConnecting);
      break;
    case State::kEnding:
      CHANNEL_CHECK(state_ == State::kConnecting || state_ == State::kUp);
      break;
  }
  spdlog::debug("link: {} -> {}: {}", ToString(state_), ToString(to), why);
  state_ = to;
}

void Link::Start(Observer* observer) {
  observer_ = observer;
  next_start_at_ = clock_.Now();
  ChangeState(State::kWaiting, "started");
  transport_.WakeUp();
}

void Link::Stop(std::chrono::milliseconds patience) { stop_at_ = clock_.Now() + patience; }

bool Link::StopIsDue() const {
  return stop_at_.has_value() && (publisher_.unanswered() == 0 || clock_.Now() >= *stop_at_);
}

void Link::Publish(Outgoing&& publication, Sender&& sender) {
  publisher_.Publish(std::move(publication), std::move(sender));
  CountUnanswered();
  transport_.WakeUp();
}

void Link::CountUnanswered() {
  metrics_.publications_unanswered.Set(static_cast<double>(publisher_.unanswered()));
}

bool Link::Write() {
  if (!up()) return false;
  const bool subscribed = WriteSubscriptions();
  return WritePublications() || subscribed;
}

bool Link::WriteSubscriptions() {
  Stream& stream = streams_[Transport::Method::kSubscribe];
  if (!stream.CanWrite() || !subscriptions_.has_changes()) return false;
  channel::v1::SubscribeRequest request;
  subscriptions_.TakeChanges(options_.subscriptions_per_request_max, &request);
  stream.Write(request.SerializeAsString());
  return true;
}

bool Link::WritePublications() {
  Stream& stream = streams_[Transport::Method::kPublishStream];
  if (!stream.CanWrite()) return false;
  std::string message = publisher_.TakeMessage();
  if (message.empty()) return false;
  stream.Write(std::move(message));
  return true;
}

void Link::OnTick() {
  if (stopped()) return;
  publisher_.Expire(observer_);
  CountUnanswered();
  const channel::SteadyTime now = clock_.Now();
  if (StopIsDue()) End("stopping");
  switch (state_) {
    case State::kStopped:
      break;
    case State::kWaiting:
      if (StopIsDue()) {
        ChangeState(State::kStopped, "stopping");
      } else if (now >= next_start_at_) {
        StartLink();
      }
      break;
    case State::kConnecting:
      if (!asked_why_ && now >= started_at_ + kAskWhyAfter) AskWhy();
      if (now >=
          started_at_ + (options_.addresses.size() > 1 ? kConnectTimeoutOfMany : kConnectTimeout)) {
        End("no answer");
      }
      break;
    case State::kUp:
      if (now >= started_at_ + kLinkProven) backoff_.Reset();
      break;
    case State::kEnding:
      if (now >= cancel_at_) End("no last words");
      break;
  }
}

void Link::StartLink() {
  ChangeState(State::kConnecting, options_.addresses[next_address_]);
  started_at_ = clock_.Now();
  asked_why_ = reason_told_ = false;
  address_ = next_address_;
  next_address_ = (address_ + 1) % options_.addresses.size();
  streams_.Open(transport_, address_, this);
}

// A call that waits for a connection does not say why there is none.
void Link::AskWhy() {
  asked_why_ = true;
  why_stream_ =
      transport_.Open(address_, Transport::Method::kSubscribe, Transport::Wait::kForAttempt, this);
  why_stream_->Start();
}

void Link::OnWhyOver(const absl::Status& status) {
  if (state_ == State::kConnecting && !absl::IsCancelled(status)) {
    reason_told_ = true;
    report_.OnConnectFailed(address(), std::string(status.message()));
  }
  why_stream_.reset();
  EndIfOver();
}

void Link::OnStreamUp(Stream* stream) {
  if (stream == why_stream_.get()) {
    why_stream_->Cancel();
    return;
  }
  if (state_ != State::kConnecting || !streams_.up()) return;
  if (why_stream_ != nullptr) why_stream_->Cancel();
  ChangeState(State::kUp, address());
  acknowledged_in_ = streams_[Transport::Method::kSubscribe].Metadata("channel-acknowledged-in");
  subscriptions_.OnLinkUp();
  report_.OnUp(address());
}

// Ends the link now; or, if it is ending already, does not wait for its last words.
void Link::End(const std::string& why) {
  switch (state_) {
    case State::kStopped:
    case State::kWaiting:
      return;
    case State::kConnecting:
      if (!stop_at_.has_value() && !reason_told_) report_.OnConnectFailed(address(), why);
      ChangeState(State::kEnding, why);
      break;
    case State::kUp:
      report_.OnDown(address(), why);
      ChangeState(State::kEnding, why);
      break;
    case State::kEnding:
      break;
  }
  cancel_at_ = channel::SteadyTime::max();
  streams_.Cancel();
  if (why_stream_ != nullptr) why_stream_->Cancel();
}

void Link::OnStreamOver(Stream* stream, const absl::Status& status) {
  if (stream == why_stream_.get()) return OnWhyOver(status);
  if (state_ != State::kEnding) {
    const std::string why =
        status.message().empty() ? "the service ended the stream" : std::string(status.message());
    // A service that stops ends all streams, each when all is said: cancelling the others would
    // lose the answers on their way, and what they answer would be published again.
    if (absl::IsUnavailable(status) && state_ == State::kUp) {
      report_.OnDown(address(), why);
      ChangeState(State::kEnding, why);
      cancel_at_ = clock_.Now() + kLastWordsTimeout;
    } else {
      End(why);
    }
  }
  EndIfOver();
}

// Goes on when nothing of the link is outstanding.
void Link::EndIfOver() {
  if (state_ != State::kEnding || !streams_.over()) return;
  if (why_stream_ != nullptr) {
    why_stream_->Cancel();
    return;
  }
  streams_.Close();
  publisher_.OnLinkOver();
  next_start_at_ = clock_.Now() + backoff_.Next();
  ChangeState(State::kWaiting, "all streams are over");
}

void Link::OnStreamMessage(Stream* stream, google::protobuf::io::ZeroCopyInputStream* bytes) {
  const std::optional<Transport::Method> method = streams_.MethodOf(stream);
  if (!method.has_value()) return;
  switch (*method) {
    case Transport::Method::kSubscribe:
      return OnEvents(bytes);
    case Transport::Method::kPublishStream:
      return OnAnswers(bytes);
  }
}

void Link::OnEvents(google::protobuf::io::ZeroCopyInputStream* bytes) {
  channel::v1::SubscribeResponse batch;
  if (!batch.ParseFromZeroCopyStream(bytes)) {
    End("the service sent what is not a SubscribeResponse");
    return;
  }
  if (batch.events_size() == 0) return;
  events_in_turn_ += batch.events_size();
  if (events_in_turn_ == 1) {
    held_ = std::move(batch);
    return;
  }
  GiveHeld(/*alone=*/false);
  Give(batch, /*alone=*/false);
}

void Link::OnAnswers(google::protobuf::io::ZeroCopyInputStream* bytes) {
  channel::v1::PublishStreamResponse response;
  if (!response.ParseFromZeroCopyStream(bytes)) {
    End("the service sent what is not a PublishStreamResponse");
    return;
  }
  GiveHeld(/*alone=*/false);  // it came before; more may follow
  if (!publisher_.OnAnswers(response, observer_)) End("the service gave answers that are none");
  CountUnanswered();
}

void Link::OnTurnEnd() {
  GiveHeld(/*alone=*/true);
  events_in_turn_ = 0;
  observer_->OnTurnEnd();
}

void Link::GiveHeld(bool alone) {
  if (!held_.has_value()) return;
  const channel::v1::SubscribeResponse batch = std::move(*held_);
  held_.reset();
  Give(batch, alone);
}

void Link::Give(const channel::v1::SubscribeResponse& batch, bool alone) {
  int gaps = 0;
  for (const channel::v1::Event& event : batch.events()) {
    if (Give(event, alone)) ++gaps;
  }
  if (gaps == 0) return;
  metrics_.gaps.Increment(gaps);
  spdlog::warn("{} groups were resumed with a gap: what their members missed is no longer held",
               gaps);
}

// Returns true if the event is a gap that concerns members.
bool Link::Give(const channel::v1::Event& event, bool alone) {
  switch (event.event_case()) {
    case channel::v1::Event::kPublication:
      if (Subscription* const wanted = subscriptions_.Find(event.publication().group_id())) {
        wanted->OnPublication(event.publication(), alone);
      }
      return false;
    case channel::v1::Event::kSubscribed:
      if (!channel::IsEpoch(event.subscribed().epoch())) {
        End("the service sent an epoch that is none");
      } else if (Subscription* const wanted = subscriptions_.Find(event.subscribed().group_id())) {
        wanted->OnSubscribed(event.subscribed());
      }
      return false;
    case channel::v1::Event::kGap: {
      if (!channel::IsEpoch(event.gap().epoch())) {
        End("the service sent an epoch that is none");
        return false;
      }
      Subscription* const wanted = subscriptions_.Find(event.gap().group_id());
      return wanted != nullptr && wanted->OnGap(event.gap());
    }
    case channel::v1::Event::EVENT_NOT_SET:
      return false;  // of a newer service
  }
  return false;
}

}  // namespace edge
