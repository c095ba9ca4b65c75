// The link to the channel service: one Subscribe and one PublishStream, kept up for ever.
//
// Owned by the edge server; loop thread only. Groups subscribe and publish here, which only
// collects; Write writes what the streams take, and each turn of the loop that has read ends with
// OnTurnEnd. When the link is lost it connects again (jittered back-off, 100 ms to 2 s, the next
// address in turn), asks for every group from its position, and sends unanswered publications
// again, with sequences, so that none is published twice. Transport and clock are the caller's, so
// that tests run it without a network.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/backoff.h"
#include "channel_service/base/clock.h"
#include "channel_service/model/contract_limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/upstream/link_report.h"
#include "ws_edge/upstream/publisher.h"
#include "ws_edge/upstream/stream.h"
#include "ws_edge/upstream/stream_set.h"
#include "ws_edge/upstream/subscription_table.h"

namespace edge {

struct LinkOptions {
  std::vector<std::string>
      addresses;  // HOST:PORT or unix:PATH, at least one; used in turn from first_address
  size_t first_address = 0;  // modulo their number: edges spread over them
  std::string publisher;     // unique over all publishers, at most 64 bytes
  std::chrono::milliseconds publish_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds backoff_longest{2000};
  uint64_t seed = 0;  // of the jitter
  // Bounds: entries of one subscribe message, bytes of one publish message, and publications that
  // are sent but not answered.
  size_t subscriptions_per_request_max = 512;  // serving it must not hold the service's loop up
  size_t block_bytes_max = channel::kBlockBytesMax;
  size_t unanswered_max = channel::kPublisherAnswersMax;
};

class Link final : private Stream::Observer {
 public:
  class Observer : public Publisher::Observer {
   public:
    // A turn of the loop ends; the events that it read were given.
    virtual void OnTurnEnd() = 0;

   protected:
    ~Observer() = default;
  };

  // `transport` reaches the addresses by their index.
  Link(LinkOptions options, Transport& transport, const channel::Clock& clock,
       EdgeMetrics& metrics);
  ~Link();

  // `observer` must outlive the link's last turn.
  void Start(Observer* observer);
  // The link ends when all publications are answered, at most `patience` from now; see stopped().
  void Stop(std::chrono::milliseconds patience);
  bool stopped() const { return state_ == State::kStopped; }

  SubscriptionTable& subscriptions() { return subscriptions_; }
  void Publish(Outgoing&& publication, Sender&& sender);
  size_t unanswered() const { return publisher_.unanswered(); }

  // For the loop. Writes a message on each stream that takes one, if there is something to write;
  // true if it did.
  bool Write();
  // Must be called at the end of a turn, when all that had come was read.
  void OnTurnEnd();
  // Handles what is overdue. Must be called each kTick, when a turn has read.
  void OnTick();
  static constexpr std::chrono::milliseconds kTick{50};

  bool up() const { return state_ == State::kUp; }
  // Where the service keeps what it accepted, "memory" or "disk"; empty if no link was up yet.
  // The string stays where it is.
  const std::string& acknowledged_in() const { return acknowledged_in_; }
  // Why it is not up, and since when.
  std::string down_reason() const { return report_.down_reason(); }
  channel::SteadyTime down_since() const { return report_.down_since(); }

 private:
  enum class State {
    kStopped,     // before Start, and at the end
    kWaiting,     // until next_start_at_
    kConnecting,  // the streams are open, not all up
    kUp,
    kEnding,  // until all streams are over
  };
  static const char* ToString(State state);
  void ChangeState(State to, const std::string& why);

  void StartLink();
  void End(const std::string& why);
  void AskWhy();
  void OnWhyOver(const absl::Status& status);
  void EndIfOver();
  bool StopIsDue() const;
  const std::string& address() const { return options_.addresses[address_]; }
  bool WriteSubscriptions();
  bool WritePublications();
  void OnEvents(google::protobuf::io::ZeroCopyInputStream* bytes);
  void OnAnswers(google::protobuf::io::ZeroCopyInputStream* bytes);
  void Give(const channel::v1::SubscribeResponse& batch, bool alone);
  bool Give(const channel::v1::Event& event, bool alone);
  void GiveHeld(bool alone);
  void CountUnanswered();

  // Stream::Observer
  void OnStreamUp(Stream* stream) override;
  void OnStreamMessage(Stream* stream, google::protobuf::io::ZeroCopyInputStream* bytes) override;
  void OnStreamOver(Stream* stream, const absl::Status& status) override;

  const LinkOptions options_;
  Transport& transport_;
  const channel::Clock& clock_;
  EdgeMetrics& metrics_;
  Observer* observer_ = nullptr;
  LinkReport report_;
  channel::Backoff backoff_;
  SubscriptionTable subscriptions_;
  Publisher publisher_;
  std::string acknowledged_in_;

  State state_ = State::kStopped;
  size_t address_ = 0;  // of this link
  size_t next_address_;
  StreamSet streams_;
  // While there is no connection: a stream that fails with the reason (the others only wait).
  std::unique_ptr<Stream> why_stream_;
  bool asked_why_ = false;    // since StartLink
  bool reason_told_ = false;  // by why_stream_, since StartLink
  channel::SteadyTime started_at_;
  channel::SteadyTime next_start_at_;
  channel::SteadyTime cancel_at_;  // in kEnding: one stream is over, others may have last words
  std::optional<channel::SteadyTime> stop_at_;

  // In this turn of the loop: a batch of one event waits until it is known whether more follows.
  int events_in_turn_ = 0;
  std::optional<channel::v1::SubscribeResponse> held_;
};

}  // namespace edge
