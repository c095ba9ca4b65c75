// The publications that the channel service has not answered yet: those that wait to be sent, each
// client's in its lane, and those that were sent, in their order.
//
// Owned by the link; loop thread only. The lanes take turns, a publication each, so that a client
// with many holds up none with few. A publication gets its sequence when it is sent; after a lost
// link the unanswered ones are sent again, and their sequences let the service tell those that it
// has already. Answers come in any order: a group whose log is slow holds up no other. One that is
// not answered within `timeout` is answered UNAVAILABLE, alone, never dropped in silence. The user
// bounds what it publishes (groups/send_budget.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/clock.h"
#include "channel_service/model/publication.h"

namespace edge {

// The sender of a publication, as its user knows it: handed back with the answer.
struct Sender {
  uint64_t client_id = 0;
  std::string command_id = {};
  std::string group_id = {};
  uint64_t number = 0;  // of its command; 0: no answer is wanted
  size_t bytes = 0;     // that it takes of the budget
};

// A publication of a client to the sender's group.
struct Outgoing {
  channel::BodyKind kind = channel::BodyKind::kText;
  std::string body;
  std::string key = {};  // idempotency key, empty: none
  channel::SteadyTime came_at;
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
    std::chrono::milliseconds timeout = std::chrono::seconds(10);
    size_t message_bytes_max;  // of one PublishStreamRequest, if it holds more than one
    size_t sent_max;           // sent, and answers are missing
  };
  class Observer {
   public:
    // One for each publication; those of one group in their order, as far as the service answers.
    virtual void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) = 0;

   protected:
    ~Observer() = default;
  };

  Publisher(Options options, const channel::Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  void Publish(Outgoing&& publication, Sender&& sender);
  size_t unanswered() const { return unanswered_; }

  // For the link. The next message to write; empty: none, now.
  std::string TakeMessage();
  // False: the service answered what it was not sent, or gave an answer that is none.
  [[nodiscard]] bool OnAnswers(const channel::v1::PublishStreamResponse& response,
                               Observer* observer);
  // All that is unanswered is to be sent (again).
  void OnLinkOver();
  // Answers what has waited too long.
  void Expire(Observer* observer);

 private:
  struct Entry {
    Outgoing publication;
    Sender sender;
    uint64_t sequence = 0;
    channel::SteadyTime sent_at = {};  // the last time; before: never
    bool answered = false;             // to its sender
    bool done = false;                 // by the service
  };
  using Lane = std::list<Entry>;
  // A publication that has waited too long and was sent gets this time for its answer, whenever the
  // link came up.
  static constexpr std::chrono::milliseconds kAnswerPatience{2000};

  // Returns true if it was appended to the message.
  bool Append(Entry& entry, size_t bytes_before, std::string* message) const;
  // The oldest publication of the lane whose turn it is moves to sent_.
  void MoveNext();
  Entry* FindSent(uint64_t sequence);
  void Answer(Entry& entry, const PublishAnswer& answer, Observer* observer);
  void DropDone();

  const Options options_;
  const channel::Clock& clock_;
  absl::flat_hash_map<uint64_t, Lane> lanes_;  // by client; none is empty
  std::deque<uint64_t> turns_;                 // the clients that have lanes, in turn
  std::deque<Entry> sent_;                     // by sequence; were sent on some link
  size_t sent_here_ = 0;                       // the first so many of them were sent on this link
  size_t unanswered_ = 0;
  uint64_t last_sequence_ = 0;
  bool name_sent_ = false;  // on this link
};

}  // namespace edge
