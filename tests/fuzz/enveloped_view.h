// The knowledge and expectations of an enveloped client: its positions, its open commands, and what
// it has been given. Every event is checked against the log of the service when it comes:
//
// - a message is the group's very next publication after the position, never one that was given
//   before, and only of groups that are joined;
// - a gap begins at the position, is the first event after the `ok` that promises it, covers
// nothing
//   that the service still holds, and is not announced where nothing is missing: something was
//   published there, or the service, asked from the position, cannot tell either;
// - an `ok` tells positions that are in the log; every command is answered once, in the order of
// the
//   commands of its group.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "channel_service/model/publication.h"
#include "tests/fuzz/sim_service.h"
#include "tests/support/resume_model.h"

namespace fuzz {

class EnvelopedView {
 public:
  using Position = channel::StreamPosition;

  enum class Kind { kJoin, kLeave, kSend, kHistory, kPing };
  struct Request {
    Kind kind;
    std::string group = {};
    std::optional<Position> since = {};
    uint32_t last = 0;
    uint32_t limit = 0;
    std::string message = {};   // kSend: as JSON
    bool key_was_used = false;  // kSend: perhaps for another message
    bool bogus = false;         // kJoin, kHistory: `since` is where it never was
    int64_t after_join = 0;     // kSend: the newest join of the group that was sent before it
  };

  // `rings_hold_all`: edges never give up recent publications, so that with `last` nothing that is
  // held may be left out.
  EnvelopedView(std::string name, const SimService& service, bool rings_hold_all)
      : name_(std::move(name)), service_(service), rings_hold_all_(rings_hold_all) {}

  // A command is sent; gives its id.
  int64_t Open(Request request);
  // The newest join of the group on this connection, 0 = none, or left since.
  int64_t LastJoin(const std::string& group) const;

  void OnConnected() { welcome_came_ = false; }
  // The connection is lost; positions stay.
  void OnLost();
  void OnEvent(const std::string& text);
  bool waits_for_answers() const { return !open_.empty(); }
  void CheckComplete() const;

  bool joined(const std::string& group) const;
  // From where to resume; nothing if it has no position yet.
  std::optional<Position> position(const std::string& group) const;
  // Whether that is where it never was: it asked so, and has heard of no gap yet.
  bool position_is_bogus(const std::string& group) const;

 private:
  using Object = boost::json::object;
  struct Group {
    bool joined = false;
    support::ResumeModel<Position> place = {};
    // The join from now on that set the position, and where.
    int64_t begun_by = 0;
    Position begun_at = {};
    // Joined with `last`: the next message may be one of the newest so many up to the position.
    uint32_t last = 0;
    bool bogus = false;  // it asked from where it never was
    std::set<std::pair<std::string, uint64_t>> given = {};
    int64_t last_join = 0;
  };

  void OnOk(const Object& event);
  void OnJoined(const Request& request, int64_t id, const Object& event);
  void OnSent(const Request& request, const Object& event);
  void OnHistory(const Request& request, const Object& event);
  void OnMessage(const Object& event);
  void OnGap(const Object& event);
  void OnError(const Object& event);
  // Takes the command that an event answers.
  std::map<int64_t, Request>::node_type TakeOpen(int64_t id);
  // It asked for what is after the position: that may be given again.
  void Forget(Group* group, const Position& position) const;
  Group& JoinedGroup(const Object& event);
  // The publication of a message event, which must be in the log as it is.
  const LogEntry& CheckPublication(const Object& event, const std::string& group);
  // With `last`: none was left out silently.
  void CheckNoneBefore(const std::string& epoch, const std::string& group, uint64_t before);
  void CheckGapOfLast(const std::string& group, uint32_t last, const Position& head, uint64_t after,
                      uint64_t before);
  void CheckNoneHeld(const std::string& epoch, const std::string& group, uint64_t before);
  // Between the position and `before` something is missing, for all that can be known.
  void CheckSomethingMissing(const std::string& group, const Position& position, uint64_t before);
  [[noreturn]] void Wrong(const std::string& why) const;  // prints the present event

  const std::string name_;
  const SimService& service_;
  const bool rings_hold_all_;
  bool welcome_came_ = false;
  int64_t last_id_ = 0;
  std::map<int64_t, Request> open_;
  std::map<std::string, Group> groups_;
  std::string event_;  // the present one, for Wrong
};

}  // namespace fuzz
