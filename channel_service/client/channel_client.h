// The C++ client of the channel service: one Subscribe and one PublishStream, kept up for ever.
//
// For the edges. All on its owner's thread, and no call but Stop waits: the owner calls Subscribe,
// Unsubscribe and Publish, which only collect, and RunReady, which writes and reads what can be,
// and calls the observer. When the link is lost it reconnects (jittered back-off, 100 ms to 2 s,
// the next address in turn), subscribes to every held group again from its last position, and sends
// unanswered publications again (with sequences, so that none is published twice). Publications
// wait at most `publish_timeout` and `publish_queue_bytes_max`; beyond that they are answered
// UNAVAILABLE, never dropped in silence.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/backoff.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/client/publish_answer.h"
#include "channel_service/client/publish_queue.h"
#include "channel_service/client/raw_stream.h"
#include "channel_service/client/resume_table.h"
#include "channel_service/model/publication.h"

namespace channel {

struct ChannelClientOptions {
  std::vector<std::string> addresses;  // HOST:PORT, at least one; used in turn from first_address
  size_t first_address = 0;            // modulo their number: clients spread over them
  std::string publisher;               // unique over all publishers, at most 64 bytes
  size_t publish_queue_bytes_max = 8 << 20;
  std::chrono::milliseconds publish_timeout = std::chrono::seconds(10);
  uint64_t seed = 0;  // of the jitter
};

class ChannelClientObserver {
 public:
  virtual void OnLinkUp() = 0;
  virtual void OnLinkDown(const std::string& why) = 0;
  // There is no link, and an attempt to make one to this address has failed, for gRPC's reason.
  virtual void OnConnectFailed(const std::string& address, const std::string& why) = 0;
  // A batch; events whose case is not set are to be ignored.
  virtual void OnEvents(v1::SubscribeResponse batch) = 0;
  // What became of publications: one answer for each that was taken.
  virtual void OnPublishAnswers(std::vector<PublishAnswer> answers) = 0;

 protected:
  ~ChannelClientObserver() = default;
};

class ChannelClient final : private RawStream::Observer {
 public:
  // `observer` must outlive the client.
  ChannelClient(ChannelClientOptions options, ChannelClientObserver* observer);
  ~ChannelClient();

  void Start();
  // Waits at most `patience` for publications to be answered, then ends the link. Once.
  void Stop(std::chrono::milliseconds patience);

  // Writes what was collected, takes what has come, and looks after what is overdue. True: it has
  // taken about `bytes_max` bytes, and there may be more. To be called after
  // anything was collected, when the poll descriptor is readable, and each kTick at least.
  bool RunReady(size_t bytes_max);
  // Each kBusyTick while publications are not answered: gRPC's own threads take a socket over while
  // it does not take writes, and then nothing is readable here.
  static constexpr std::chrono::milliseconds kTick{50};
  static constexpr std::chrono::milliseconds kBusyTick{5};
  // The address of the link that is up or being made.
  const std::string& address() const { return options_.addresses[channel_]; }
  // Where the service keeps what it accepted, "memory" or "disk"; empty = no link was up yet.
  const std::string& acknowledged_in() const { return acknowledged_in_; }
  // Publications that are not answered yet, sent or not.
  size_t unanswered() const { return publish_queue_.size(); }

  // Readable when RunReady should be called; -1: there is none. Not to be read or closed.
  int poll_descriptor() const { return poll_descriptor_; }

  // The next batch of events brings `subscribed` with this tag, after each (re)subscription.
  // A group that is held already is asked for again, in place of the subscription before.
  void Subscribe(std::string_view group_id, uint64_t tag, SubscribeFrom from = {});
  void Unsubscribe(std::string_view group_id);
  // False if the queue is full; then the publication was not taken.
  [[nodiscard]] bool Publish(const PublishInput& input, uint64_t token);

 private:
  bool TakeReady(size_t bytes_max);
  void TickIfDue();
  void OnTick();
  void StartLink();
  void EndLink(const std::string& why);
  void AskWhy();
  void OnWhyOver(const grpc::Status& status);
  void OnLinkOver();
  bool CanWriteTo(const std::unique_ptr<RawStream>& stream) const;
  // Each writes one message, if it may and there is something; true if it did.
  bool WriteSubscriptions();
  bool WritePublications();
  void ExpirePublications();
  PublishAnswer AnswerFront(absl::Status status);
  void FilterEvents(v1::SubscribeResponse* batch);

  // RawStream::Observer
  void OnStreamUp() override;
  void OnStreamMessage(RawStream* stream, grpc::ByteBuffer& message) override;
  void OnStreamOver(RawStream* stream, const grpc::Status& status) override;

  const ChannelClientOptions options_;
  ChannelClientObserver* const observer_;
  const int poll_descriptor_;  // before anything of gRPC
  grpc::CompletionQueue queue_;
  SteadyTime next_tick_;
  size_t received_bytes_ = 0;  // in this turn
  uint64_t last_sequence_ = 0;
  size_t publish_bytes_ = 0;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;  // one for each address
  size_t channel_ = 0;                                    // of this link
  size_t next_channel_;
  Backoff backoff_;
  ResumeTable resume_table_;
  PublishQueue publish_queue_;
  std::unique_ptr<RawStream> subscribe_stream_;
  std::unique_ptr<RawStream> publish_stream_;
  // While there is no connection: a stream that fails with the reason (the two others only wait).
  std::unique_ptr<RawStream> why_stream_;
  bool asked_why_ = false;     // since StartLink
  std::string connect_error_;  // what it said
  std::string acknowledged_in_;
  bool link_up_ = false;
  bool publisher_told_ = false;  // on this link
  std::string link_end_reason_;
  SteadyTime link_started_at_;
  std::optional<SteadyTime> start_link_at_;
  std::optional<SteadyTime> cancel_link_at_;  // one stream is over, the other may have last words
  bool started_ = false;
  std::optional<SteadyTime> stop_at_;
  bool stopping_ = false;
  bool stopped_ = false;
};

}  // namespace channel
