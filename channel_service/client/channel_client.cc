#include "channel_service/client/channel_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/base/grpc_deadline.h"
#include "channel_service/client/poll_descriptor.h"
#include "channel_service/limits.h"
#include "channel_service/model/record.h"

namespace channel {
namespace {

// A poll of gRPC 1.51 handles one event of its epoll set, which need not complete anything of ours;
// so after one that gave nothing there may be more. The first one after a write that was taken at
// once does not look at the set at all.
constexpr int kIdlePolls = 3;
// So many completions in a turn, beside the bound in bytes: answers may be tiny.
constexpr int kEventsPerRunMax = 1024;
// An address that does not answer in this time is given up: for the next one, soon, if there is
// one.
constexpr std::chrono::seconds kConnectTimeout{3};
constexpr std::chrono::seconds kConnectTimeoutOfMany{1};
// A connection that is not made in this time has a reason, which is then asked for.
constexpr std::chrono::milliseconds kAskWhyAfter{300};
constexpr std::chrono::seconds kLinkProven{5};
// How long one stream may go on after the service has ended the other.
constexpr std::chrono::seconds kLastWordsTimeout{1};
constexpr std::chrono::milliseconds kBackoffFirst{100};
constexpr std::chrono::milliseconds kBackoffLongest{2000};
// The subscriptions of one SubscribeRequest: serving it must not hold the service's loop up.
constexpr size_t kSubscriptionsPerRequestMax = 512;

constexpr char kSubscribeMethod[] = "/channel.v1.ChannelService/Subscribe";
constexpr char kPublishStreamMethod[] = "/channel.v1.ChannelService/PublishStream";

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Both ends set keepalive (see the service); without it a half-open link is never noticed.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC's own reconnection; it adds 20 % of jitter, so that the longest wait is below 2 s.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'600);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The service is a neighbour; an http_proxy in the environment is meant for others.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

SteadyTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace

ChannelClient::ChannelClient(ChannelClientOptions options, ChannelClientObserver* observer)
    : options_(std::move(options)),
      observer_(observer),
      poll_descriptor_(FindPollDescriptor()),
      next_channel_(options_.first_address % options_.addresses.size()),
      backoff_(kBackoffFirst, kBackoffLongest, options_.seed) {
  CHANNEL_CHECK(!options_.addresses.empty());
  for (const std::string& address : options_.addresses) channels_.push_back(MakeChannel(address));
}

ChannelClient::~ChannelClient() { Stop(std::chrono::milliseconds(0)); }

void ChannelClient::Start() {
  start_link_at_ = Now();
  started_ = true;
}

void ChannelClient::Stop(std::chrono::milliseconds patience) {
  if (!std::exchange(started_, false)) return;
  stop_at_ = Now() + patience;
  void* tag = nullptr;
  bool ok = false;
  while (true) {
    RunReady(SIZE_MAX);
    switch (queue_.AsyncNext(&tag, &ok, DeadlineIn(kTick))) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<CompletionEvent*>(tag)->OnEvent(ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        break;
    }
  }
}

bool ChannelClient::RunReady(size_t bytes_max) {
  const bool more = TakeReady(bytes_max);
  // Last: what has come in time is not overdue, however long the owner's loop was busy.
  if (!stopped_) TickIfDue();
  return more;
}

bool ChannelClient::TakeReady(size_t bytes_max) {
  received_bytes_ = 0;
  int events = 0;
  void* tag = nullptr;
  bool ok = false;
  for (int idle = 0; idle < kIdlePolls;) {
    bool wrote = WriteSubscriptions();
    wrote = WritePublications() || wrote;
    const auto status = queue_.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_REALTIME));
    if (status == grpc::CompletionQueue::SHUTDOWN) return false;
    if (status == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<CompletionEvent*>(tag)->OnEvent(ok);
      if (received_bytes_ >= bytes_max || ++events >= kEventsPerRunMax) return true;
    }
    idle = wrote || status == grpc::CompletionQueue::GOT_EVENT ? 0 : idle + 1;
  }
  return false;
}

void ChannelClient::Subscribe(std::string_view group_id, uint64_t tag, SubscribeFrom from) {
  resume_table_.Add(std::string(group_id), tag, std::move(from));
}

void ChannelClient::Unsubscribe(std::string_view group_id) {
  resume_table_.Remove(std::string(group_id));
}

bool ChannelClient::Publish(const PublishInput& input, uint64_t token) {
  PublishQueue::Entry entry{.record = {}, .token = token, .since = Now()};
  PublishInput numbered = input;
  numbered.sequence = last_sequence_ + 1;
  AppendPublishRequest(numbered, &entry.record);
  if (publish_bytes_ + entry.bytes() > options_.publish_queue_bytes_max) return false;
  publish_bytes_ += entry.bytes();
  ++last_sequence_;
  publish_queue_.Push(std::move(entry));
  return true;
}

void ChannelClient::TickIfDue() {
  const SteadyTime now = Now();
  if (now < next_tick_) return;
  next_tick_ = now + kTick / 2;
  OnTick();
}

void ChannelClient::OnTick() {
  const SteadyTime now = Now();
  ExpirePublications();
  if (stop_at_.has_value() && !stopping_ && (publish_queue_.empty() || now >= *stop_at_)) {
    stopping_ = true;
    start_link_at_.reset();
    if (subscribe_stream_ != nullptr) EndLink("stopping");
  }
  if (stopping_ && subscribe_stream_ == nullptr && !std::exchange(stopped_, true)) {
    queue_.Shutdown();
    return;
  }
  if (cancel_link_at_.has_value() && now >= *cancel_link_at_) {
    cancel_link_at_.reset();
    EndLink(link_end_reason_);
  }
  if (start_link_at_.has_value() && now >= *start_link_at_) StartLink();
  // Only a link that lasts is a success: a service that ends streams at once is not to be hurried.
  if (link_up_ && now >= link_started_at_ + kLinkProven) backoff_.Reset();
  const bool connecting = subscribe_stream_ != nullptr && !link_up_;
  if (connecting && !asked_why_ && now >= link_started_at_ + kAskWhyAfter) AskWhy();
  const auto patience = channels_.size() > 1 ? kConnectTimeoutOfMany : kConnectTimeout;
  if (connecting && now >= link_started_at_ + patience) EndLink("no answer");
}

void ChannelClient::StartLink() {
  start_link_at_.reset();
  link_started_at_ = Now();
  publisher_told_ = false;
  asked_why_ = false;
  connect_error_.clear();
  channel_ = next_channel_;
  next_channel_ = (channel_ + 1) % channels_.size();
  const auto& channel = channels_[channel_];
  link_end_reason_.clear();
  RawStream::Observer* const self = this;
  subscribe_stream_ = std::make_unique<RawStream>(channel, kSubscribeMethod, &queue_, self);
  publish_stream_ = std::make_unique<RawStream>(channel, kPublishStreamMethod, &queue_, self);
  subscribe_stream_->Start();
  publish_stream_->Start();
}

// A call that waits for a connection does not say why there is none.
void ChannelClient::AskWhy() {
  asked_why_ = true;
  RawStream::Observer* const self = this;
  why_stream_ = std::make_unique<RawStream>(channels_[channel_], kSubscribeMethod, &queue_, self,
                                            RawStream::Wait::kForAttempt);
  why_stream_->Start();
}

void ChannelClient::OnWhyOver(const grpc::Status& status) {
  const bool failed = status.error_code() != grpc::StatusCode::CANCELLED && !link_up_;
  if (failed) connect_error_ = status.error_message();
  why_stream_.reset();  // `status` is the stream's
  if (failed) observer_->OnConnectFailed(address(), connect_error_);
}

void ChannelClient::OnStreamUp() {
  if (why_stream_ != nullptr) why_stream_->Cancel();
  // All three streams may come up in one turn.
  if (link_up_ || !subscribe_stream_->up() || !publish_stream_->up() || !link_end_reason_.empty()) {
    return;
  }
  link_up_ = true;
  acknowledged_in_ = subscribe_stream_->Metadata("channel-acknowledged-in");
  resume_table_.OnLinkUp();
  observer_->OnLinkUp();
}

void ChannelClient::EndLink(const std::string& why) {
  if (link_end_reason_.empty()) link_end_reason_ = why;
  subscribe_stream_->Cancel();
  publish_stream_->Cancel();
  if (why_stream_ != nullptr) why_stream_->Cancel();
}

void ChannelClient::OnStreamOver(RawStream* stream, const grpc::Status& status) {
  if (stream == why_stream_.get()) {
    OnWhyOver(status);
    if (subscribe_stream_->over() && publish_stream_->over()) OnLinkOver();
    return;
  }
  if (link_end_reason_.empty()) {
    link_end_reason_ =
        status.error_message().empty() ? "the service ended the stream" : status.error_message();
  }
  if (!subscribe_stream_->over() || !publish_stream_->over()) {
    // A service that stops ends both, each when all is said: cancelling the other would lose the
    // answers on their way, and what they answer would be published again.
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      cancel_link_at_ = Now() + kLastWordsTimeout;
    } else {
      EndLink(link_end_reason_);
    }
    return;
  }
  if (why_stream_ != nullptr) {
    why_stream_->Cancel();
  } else {
    OnLinkOver();
  }
}

// Nothing of the link is outstanding.
void ChannelClient::OnLinkOver() {
  cancel_link_at_.reset();
  const bool was_up = std::exchange(link_up_, false);
  subscribe_stream_.reset();
  publish_stream_.reset();
  publish_queue_.MarkAllUnsent();
  if (was_up) {
    observer_->OnLinkDown(link_end_reason_);
  } else if (!stopping_) {
    observer_->OnConnectFailed(address(),
                               connect_error_.empty() ? link_end_reason_ : connect_error_);
  }
  if (!stopping_) start_link_at_ = Now() + backoff_.Next();
}

void ChannelClient::OnStreamMessage(RawStream* stream, grpc::ByteBuffer& message) {
  if (stream == why_stream_.get()) return;  // it asked for nothing
  received_bytes_ += message.Length();
  if (stream == subscribe_stream_.get()) {
    v1::SubscribeResponse batch;
    if (!grpc::SerializationTraits<v1::SubscribeResponse>::Deserialize(&message, &batch).ok()) {
      EndLink("the service sent what is not a SubscribeResponse");
      return;
    }
    FilterEvents(&batch);
    observer_->OnEvents(std::move(batch));
    return;
  }
  v1::PublishStreamResponse response;
  if (!grpc::SerializationTraits<v1::PublishStreamResponse>::Deserialize(&message, &response)
           .ok()) {
    EndLink("the service sent what is not a PublishStreamResponse");
    return;
  }
  std::vector<PublishAnswer> answers;
  for (const v1::PublishResult& result : response.results()) {
    if (!publish_queue_.front_was_sent()) {
      EndLink("the service answered more than it was asked");
      break;
    }
    const v1::PublishError& error = result.error();
    if (!result.has_published()) {
      answers.push_back(
          AnswerFront({static_cast<absl::StatusCode>(error.code()), error.message()}));
      answers.back().retryable = error.retryable();
      continue;
    }
    const v1::PublishResponse& published = result.published();
    answers.push_back(AnswerFront(absl::OkStatus()));
    answers.back().position = {published.position().epoch(), published.position().offset()};
    answers.back().duplicate = published.duplicate();
  }
  observer_->OnPublishAnswers(std::move(answers));
}

PublishAnswer ChannelClient::AnswerFront(absl::Status status) {
  PublishAnswer answer{.token = publish_queue_.front().token};
  answer.retryable = absl::IsUnavailable(status);
  answer.status = std::move(status);
  publish_bytes_ -= publish_queue_.front().bytes();
  publish_queue_.PopFront();
  return answer;
}

void ChannelClient::FilterEvents(v1::SubscribeResponse* batch) {
  for (v1::Event& event : *batch->mutable_events()) {
    switch (event.event_case()) {
      case v1::Event::kPublication: {
        const auto verdict = resume_table_.OnPublication(event.publication());
        if (verdict != ResumeTable::Verdict::kDeliver) event.clear_event();
        break;
      }
      case v1::Event::kSubscribed:
        if (!resume_table_.OnSubscribed(event.subscribed())) event.clear_event();
        break;
      case v1::Event::kGap:
        if (!resume_table_.OnGap(event.gap())) event.clear_event();
        break;
      case v1::Event::EVENT_NOT_SET:
        break;
    }
  }
}

bool ChannelClient::CanWriteTo(const std::unique_ptr<RawStream>& stream) const {
  return link_up_ && link_end_reason_.empty() && stream->CanWrite();
}

bool ChannelClient::WriteSubscriptions() {
  if (!CanWriteTo(subscribe_stream_) || !resume_table_.has_changes()) return false;
  v1::SubscribeRequest request;
  resume_table_.TakeChanges(kSubscriptionsPerRequestMax, &request);
  subscribe_stream_->Write(request.SerializeAsString());
  return true;
}

bool ChannelClient::WritePublications() {
  if (!CanWriteTo(publish_stream_) || !publish_queue_.has_unsent()) return false;
  std::string message;
  if (!std::exchange(publisher_told_, true)) {
    v1::PublishStreamRequest first;
    first.set_publisher(options_.publisher);
    message = first.SerializeAsString();  // records appended to it add to the same message
  }
  publish_queue_.TakeUnsent(kBlockBytesMax, kPublisherAnswersMax, Now(), &message);
  if (message.empty()) return false;
  publish_stream_->Write(std::move(message));
  return true;
}

void ChannelClient::ExpirePublications() {
  using Verdict = PublishQueue::Verdict;
  const SteadyTime now = Now();
  std::vector<PublishAnswer> expired;
  while (true) {
    const Verdict verdict = publish_queue_.JudgeFront(now, options_.publish_timeout);
    // The link is dead, though gRPC has not noticed yet.
    if (verdict == Verdict::kLinkDead) EndLink("publications are not answered");
    if (verdict != Verdict::kGiveUp) break;
    expired.push_back(AnswerFront(
        absl::UnavailableError(publish_queue_.front().tried
                                   ? "the channel service did not answer in time; the message may "
                                     "have been published"
                                   : "the channel service could not be reached in time")));
  }
  if (!expired.empty()) observer_->OnPublishAnswers(std::move(expired));
}

}  // namespace channel
