// Records what the clients and the publishers of one run saw, for the checker to judge.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace faults {

using Time = std::chrono::steady_clock::time_point;

// Names one message of a run: the `number`-th of `sender`, counted from 1.
struct MessageId {
  std::uint32_t sender = 0;
  std::uint32_t number = 0;
  auto operator<=>(const MessageId&) const = default;
};

struct MessageIdHash {
  std::size_t operator()(MessageId id) const {
    return std::hash<std::uint64_t>{}(std::uint64_t{id.sender} << 32 | id.number);
  }
};

// The text of a message, padded to at least `bytes_min`. It proves itself: a text with one byte
// changed is no body of any message.
std::string BodyOf(MessageId id, std::size_t bytes_min = 0);
// Nothing if `text` was not made by BodyOf.
std::optional<MessageId> ParseBody(std::string_view text);
// Cuts the body, the last field, off the JSON of a message event, so that a long one need not be
// parsed: JSON escapes nothing that BodyOf makes. Empty, and nothing is cut, if this is another
// event.
std::string_view TakeBody(std::string_view& json);

// A place in the log. Epochs have numbers here, in the order in which this process first saw them:
// an epoch that begins later has a larger one.
struct Position {
  int epoch = -1;
  std::uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

// The numbers of the epochs. Any thread.
class EpochNumbers {
 public:
  int NumberOf(std::string_view epoch);
  std::string NameOf(int number) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

enum class GapReason : std::uint8_t { kRetention, kEpoch, kOverload, kUnknown };
const char* Text(GapReason reason);
GapReason ReasonOf(std::string_view text);

// One thing that one member of one group saw, or that happened to it.
struct MemberEvent {
  enum class Kind : std::uint8_t {
    kJoined,          // without a position to resume from; `at` is where it stands from now on
    kResumed,         // since its own position; `at` is the head that it was told
    kMessage,         // `at`, `previous`, `id`
    kGap,             // `previous` = after, `at` = (epoch, before)
    kConnectionLost,  // for whatever reason; it keeps its position
  };
  Kind kind = Kind::kMessage;
  bool recovered = true;  // kResumed
  bool dropped = false;   // kMessage: the client knew its key, and did not give it to anybody
  GapReason reason = GapReason::kUnknown;
  Position at;
  std::uint64_t previous = 0;
  std::optional<MessageId> id;  // kMessage: none = no publisher makes such a body
  Time when{};
};

struct MemberLog {
  std::string name;
  std::string group;
  std::vector<MemberEvent> events;
};

// One message that a publisher tried to publish.
struct PublicationLog {
  MessageId id;
  std::string group;
  // Told "unavailable" or the like and sent again: its place among its sender's others is open.
  bool sent_again = false;
  // With a key, and sent again on each connection, in order, until it was answered: then its place
  // is after those before it. Otherwise it was sent on this connection only, and its place is after
  // those of its sender that were sent on the same one.
  bool keyed = true;
  std::uint32_t connection = 0;
  // Otherwise it may have been published or not.
  bool acknowledged = false;
  bool duplicate = false;  // the answer said so
  Position position;
  Time sent{};
  Time answered{};
};

// Records what publishers did. Any thread.
class PublicationLogs {
 public:
  void OnSent(MessageId id, const std::string& group);
  // Without a key, on a connection of its sender.
  void OnSentUnkeyed(MessageId id, const std::string& group, std::uint32_t connection);
  void OnSentAgain(MessageId id);
  void OnAcknowledged(MessageId id, Position position, bool duplicate);

  std::size_t acknowledged() const;
  // The newest acknowledged position of each group.
  std::map<std::string, Position> Heads() const;
  std::vector<PublicationLog> Copy() const;
  // All of them, which are forgotten here; none may be unanswered. The heads stay.
  std::vector<PublicationLog> Take();

 private:
  mutable std::mutex mutex_;
  std::vector<PublicationLog> logs_;
  std::unordered_map<MessageId, std::size_t, MessageIdHash> index_;
  std::map<std::string, Position> heads_;
  std::size_t acknowledged_ = 0;
};

// A whole run.
struct History {
  std::vector<PublicationLog> publications;
  std::vector<MemberLog> members;
};

}  // namespace faults
