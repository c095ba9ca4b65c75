// The checker's view of one member: walks through what it saw.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/faults/checker.h"
#include "tests/support/resume_model.h"

namespace faults {

std::string Text(MessageId id);
std::string Text(Position position);

// A group's messages by position, and the acknowledged ones in order.
struct Board {
  std::map<Position, MessageId> at;
  std::vector<std::pair<Position, MessageId>> acknowledged;
  // Messages that may be in the log, nobody knows where.
  std::uint64_t unplaced = 0;
};

using Publications = std::unordered_map<MessageId, const PublicationLog*, MessageIdHash>;

// Counts a defect, and keeps the first ones in words.
struct Report {
  Verdict& verdict;
  void Add(std::uint64_t Verdict::*count, const std::string& problem);
};

class MemberCheck {
 public:
  MemberCheck(const MemberLog& log, const Board& board, const Publications& publications,
              const CheckOptions& options, Report& report)
      : log_(log), board_(board), publications_(publications), options_(options), report_(report) {
    place_.MoveTo({});
  }

  void Run();

 private:
  struct GapSeen {
    Position after;   // of the epoch in which the member stood
    Position before;  // of the epoch from there on
  };

  void OnEvent(const MemberEvent& event);
  void OnMessage(const MemberEvent& event);
  void OnGap(const MemberEvent& event);
  void CheckSomethingMissing(const GapSeen& gap);
  void CheckExact(const GapSeen& gap);
  void CheckNothingLost();
  bool InGap(Position at) const;
  // A message of the group is known to stand in (after, to].
  bool AnyKnown(Position after, Position to) const;
  void Defect(std::uint64_t Verdict::*count, const std::string& what) {
    report_.Add(count, log_.name + " in " + log_.group + ": " + what);
  }

  const MemberLog& log_;
  const Board& board_;
  const Publications& publications_;
  const CheckOptions& options_;
  Report& report_;

  std::optional<Position> joined_at_;  // none: not a member yet
  support::ResumeModel<Position> place_;
  std::vector<GapSeen> gaps_;
  std::unordered_map<MessageId, int, MessageIdHash> delivered_;  // in which epoch first
};

}  // namespace faults
