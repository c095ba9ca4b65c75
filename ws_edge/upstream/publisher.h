// The publications that the channel service has not answered yet, in order: first those that were
// sent, then those that wait to be. Answers come in the same order.
//
// Owned by the link; loop thread only. After a lost link all of them are sent again; their sequence
// lets the service tell those that it has already. They wait at most queue_bytes_max and timeout;
// beyond that they are answered UNAVAILABLE, never dropped in silence.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/clock.h"
#include "channel_service/model/publication.h"

namespace edge {

// The sender of a publication, as its user knows it: handed back with the answer.
struct Sender {
  uint64_t client_id = 0;
  std::string command_id;
  std::string group_id;
  uint64_t number = 0;  // of its command; 0: no answer is wanted
};

struct PublishAnswer {
  absl::Status status = {};
  bool retryable = false;  // if the status is not OK: the same publication may succeed later
  // If the status is OK: where it is in the log.
  channel::StreamPosition position = {};
  bool duplicate = false;  // its key was seen before; `position` is that of the first
};

class Publisher {
 public:
  struct Options {
    std::string name;  // unique over all publishers, at most 64 bytes
    size_t queue_bytes_max = 8 << 20;
    std::chrono::milliseconds timeout = std::chrono::seconds(10);
    size_t message_bytes_max;  // of one PublishStreamRequest, if it holds more than one
    size_t sent_max;           // sent and not answered
  };
  class Observer {
   public:
    // One for each publication that was taken, in their order.
    virtual void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) = 0;

   protected:
    ~Observer() = default;
  };

  Publisher(Options options, const channel::Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  // Takes the publication, and what is in `sender`. False if the queue is full: then neither.
  [[nodiscard]] bool Publish(const channel::PublishInput& input, Sender& sender);
  size_t unanswered() const { return entries_.size(); }

  // For the link. The next message to write; empty: none, now.
  std::string TakeMessage();
  // False: the service answered more than it was sent, or gave an answer that is none.
  [[nodiscard]] bool OnAnswers(const channel::v1::PublishStreamResponse& response,
                               Observer* observer);
  // Everything is to be sent (again).
  void OnLinkOver();
  // Answers what has waited too long for a link. False: the link is dead, whatever gRPC thinks of
  // it: what was sent has waited too long, and is not answered.
  [[nodiscard]] bool Expire(Observer* observer);

 private:
  struct Entry {
    std::string record;  // serialised `publications` field of PublishStreamRequest
    Sender sender;
    channel::SteadyTime since;
    bool tried = false;                // was sent on some link
    channel::SteadyTime sent_at = {};  // the last time
    size_t bytes() const { return record.size() + sizeof(Entry); }
  };
  // What has waited too long and was sent is given this time for its answer: a link is not to be
  // ended for the time that was spent before it came up.
  static constexpr std::chrono::milliseconds kAnswerPatience{2000};

  void AnswerFront(const PublishAnswer& answer, Observer* observer);

  const Options options_;
  const channel::Clock& clock_;
  std::deque<Entry> entries_;
  size_t sent_ = 0;  // the first so many were sent on this link
  size_t bytes_ = 0;
  uint64_t last_sequence_ = 0;
  bool name_sent_ = false;  // on this link
};

}  // namespace edge
