#include "tests/support/service_client.h"

#include <thread>

namespace support {

using channel::v1::Event;
using channel::v1::SubscribeRequest;

namespace {

void SetUp(grpc::ClientContext& context, Duration wait) {
  context.set_deadline(std::chrono::system_clock::now() + wait);
  context.set_wait_for_ready(true);
}

}  // namespace

Subscriber::Subscriber(channel::v1::ChannelService::Stub& stub, Duration lifetime) {
  SetUp(context_, lifetime);
  stream_ = stub.Subscribe(&context_);
}

Subscriber::~Subscriber() {
  if (finished_) return;
  context_.TryCancel();
  AwaitEnd();
}

void Subscriber::Send(const SubscribeRequest& request) {
  if (!stream_->Write(request)) throw TestFailure("the Subscribe stream takes no more requests");
}

void Subscriber::Subscribe(const std::string& group, std::uint64_t tag) {
  SubscribeRequest request;
  channel::v1::Subscription* subscription = request.add_subscribe();
  subscription->set_group_id(group);
  subscription->set_tag(tag);
  Send(request);
}

void Subscriber::SubscribeSince(const std::string& group, const std::string& epoch,
                                std::uint64_t offset) {
  SubscribeRequest request;
  channel::v1::Subscription* subscription = request.add_subscribe();
  subscription->set_group_id(group);
  subscription->mutable_since()->set_epoch(epoch);
  subscription->mutable_since()->set_offset(offset);
  Send(request);
}

void Subscriber::SubscribeLast(const std::string& group, std::uint32_t last) {
  SubscribeRequest request;
  channel::v1::Subscription* subscription = request.add_subscribe();
  subscription->set_group_id(group);
  subscription->set_last(last);
  Send(request);
}

void Subscriber::Unsubscribe(const std::string& group) {
  SubscribeRequest request;
  request.add_unsubscribe(group);
  Send(request);
}

void Subscriber::HalfClose() { stream_->WritesDone(); }

Event Subscriber::Next() {
  while (next_ == batch_.events_size()) {
    next_ = 0;
    batch_.Clear();
    if (!stream_->Read(&batch_)) {
      finished_ = true;
      const grpc::Status status = stream_->Finish();
      throw TestFailure("the Subscribe stream ended: " + std::to_string(status.error_code()) + " " +
                        status.error_message());
    }
  }
  return batch_.events(next_++);
}

channel::v1::Subscribed Subscriber::NextSubscribed() {
  const Event event = Next();
  if (!event.has_subscribed()) throw TestFailure("not subscribed: " + event.ShortDebugString());
  return event.subscribed();
}

channel::v1::Publication Subscriber::NextPublication() {
  const Event event = Next();
  if (!event.has_publication()) throw TestFailure("no publication: " + event.ShortDebugString());
  return event.publication();
}

grpc::Status Subscriber::AwaitEnd() {
  while (stream_->Read(&batch_)) {
  }
  finished_ = true;
  return stream_->Finish();
}

ServiceClient::ServiceClient(std::uint16_t port)
    : ServiceClient("127.0.0.1:" + std::to_string(port)) {}

ServiceClient::ServiceClient(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Also the time that one attempt to connect may take: generous, for a busy machine.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  stub_ = channel::v1::ChannelService::NewStub(channel_);
}

Answer<channel::v1::PublishResponse> ServiceClient::Publish(
    const channel::v1::PublishRequest& request, Duration wait) {
  Answer<channel::v1::PublishResponse> answer;
  grpc::ClientContext context;
  SetUp(context, wait);
  answer.status = stub_->Publish(&context, request, &answer.response);
  return answer;
}

Answer<channel::v1::PublishResponse> ServiceClient::Publish(const std::string& group,
                                                            const std::string& message,
                                                            const std::string& key) {
  channel::v1::PublishRequest request;
  request.set_group_id(group);
  request.set_message(message);
  request.set_key(key);
  return Publish(request);
}

std::uint64_t ServiceClient::MustPublish(const std::string& group, const std::string& message) {
  const Answer<channel::v1::PublishResponse> answer = Publish(group, message);
  if (!answer.ok()) throw TestFailure("Publish: " + answer.status.error_message());
  return answer.response.position().offset();
}

Answer<channel::v1::HistoryResponse> ServiceClient::History(
    const channel::v1::HistoryRequest& request) {
  Answer<channel::v1::HistoryResponse> answer;
  grpc::ClientContext context;
  SetUp(context, kPatience);
  answer.status = stub_->History(&context, request, &answer.response);
  return answer;
}

std::unique_ptr<Subscriber> ServiceClient::OpenSubscriber(Duration lifetime) {
  return std::make_unique<Subscriber>(*stub_, lifetime);
}

Answer<channel::v1::PublishStreamResponse> ServiceClient::PublishAll(
    const std::vector<channel::v1::PublishStreamRequest>& requests) {
  Answer<channel::v1::PublishStreamResponse> answer;
  grpc::ClientContext context;
  SetUp(context, kPatience);
  const auto stream = stub_->PublishStream(&context);
  // Answers are read while requests are written: neither side waits for the other's full window.
  std::thread writer([&] {
    for (const auto& request : requests) {
      if (!stream->Write(request)) return;
    }
    stream->WritesDone();
  });
  channel::v1::PublishStreamResponse batch;
  while (stream->Read(&batch)) answer.response.MergeFrom(batch);
  writer.join();
  answer.status = stream->Finish();
  return answer;
}

}  // namespace support
