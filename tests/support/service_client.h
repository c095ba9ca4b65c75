#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "channel/v1/channel.pb.h"
#include "tests/support/deadline.h"

namespace support {

// An answer, or why there is none.
template <typename Response>
struct Answer {
  grpc::Status status;
  Response response;
  bool ok() const { return status.ok(); }
};

// One open Subscribe stream, read event by event.
class Subscriber {
 public:
  Subscriber(channel::v1::ChannelService::Stub& stub, Duration lifetime);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  void Send(const channel::v1::SubscribeRequest& request);
  void Subscribe(const std::string& group, std::uint64_t tag = 0);
  void SubscribeSince(const std::string& group, const std::string& epoch, std::uint64_t offset);
  void SubscribeLast(const std::string& group, std::uint32_t last);
  void Unsubscribe(const std::string& group);
  void HalfClose();

  // The next event; throws TestFailure if the stream ends (at the latest when its lifetime is
  // over).
  channel::v1::Event Next();
  // The next event, which must be of this kind.
  channel::v1::Subscribed NextSubscribed();
  channel::v1::Publication NextPublication();

  // Reads to the end of the stream and says how it ended.
  grpc::Status AwaitEnd();

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<channel::v1::SubscribeRequest, channel::v1::SubscribeResponse>>
      stream_;
  channel::v1::SubscribeResponse batch_;
  int next_ = 0;  // in batch_
  bool finished_ = false;
};

// Blocking calls of the channel service at 127.0.0.1:`port` or `address` (HOST:PORT), each with a
// deadline, over a connection of its own (not one that gRPC shares with earlier clients).
class ServiceClient {
 public:
  explicit ServiceClient(std::uint16_t port);
  explicit ServiceClient(const std::string& address);

  Answer<channel::v1::PublishResponse> Publish(const channel::v1::PublishRequest& request,
                                               Duration wait = kPatience);
  Answer<channel::v1::PublishResponse> Publish(const std::string& group, const std::string& message,
                                               const std::string& key = "");
  // Publish that must succeed; gives the offset.
  std::uint64_t MustPublish(const std::string& group, const std::string& message);

  Answer<channel::v1::HistoryResponse> History(const channel::v1::HistoryRequest& request);

  // Ends by itself with DEADLINE_EXCEEDED after `lifetime`, so that no read waits for ever.
  std::unique_ptr<Subscriber> OpenSubscriber(Duration lifetime = kPatience);

  // Sends the requests one after the other, half-closes, and gives all results in the order
  // received.
  Answer<channel::v1::PublishStreamResponse> PublishAll(
      const std::vector<channel::v1::PublishStreamRequest>& requests);

  channel::v1::ChannelService::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& grpc_channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<channel::v1::ChannelService::Stub> stub_;
};

}  // namespace support
