#include "tests/faults/checker.h"

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "tests/faults/member_check.h"

namespace faults {
namespace {

// Where each message of the group stands, as told by publishers' answers and members' messages.
void FillBoard(const std::string& group, const History& history, Board& board, Report& report) {
  const auto put = [&](Position at, MessageId id, const std::string& who) {
    const auto [stood, is_new] = board.at.emplace(at, id);
    if (!is_new && stood->second != id) {
      report.Add(&Verdict::reordered, who + ": " + Text(id) + " at " + Text(at) +
                                          ", where others have " + Text(stood->second));
    }
  };
  for (const PublicationLog& publication : history.publications) {
    if (publication.group != group || !publication.acknowledged) continue;
    put(publication.position, publication.id, "an answer");
    board.acknowledged.push_back({publication.position, publication.id});
  }
  for (const MemberLog& member : history.members) {
    if (member.group != group) continue;
    for (const MemberEvent& event : member.events) {
      if (event.kind == MemberEvent::Kind::kMessage && event.id) {
        put(event.at, *event.id, member.name);
      }
    }
  }
  std::sort(board.acknowledged.begin(), board.acknowledged.end());
  std::unordered_set<MessageId, MessageIdHash> placed;
  for (const auto& [at, id] : board.at) placed.insert(id);
  for (const PublicationLog& publication : history.publications) {
    if (publication.group == group && placed.count(publication.id) == 0) ++board.unplaced;
  }
}

// The order is a sender's, or, without keys, that of one of its connections.
std::uint64_t OrderOf(const PublicationLog& publication) {
  const std::uint32_t connection = publication.keyed ? 0 : publication.connection + 1;
  return std::uint64_t{publication.id.sender} << 32 | connection;
}

// Each sender's own order, and that nothing was published twice within one epoch.
void CheckBoard(const std::string& group, const Board& board, const Publications& publications,
                Report& report) {
  int epoch = -1;
  std::unordered_map<std::uint64_t, std::uint32_t> last_of_order;
  std::unordered_set<MessageId, MessageIdHash> seen;
  for (const auto& [at, id] : board.at) {
    if (at.epoch != epoch) {
      epoch = at.epoch;
      last_of_order.clear();
      seen.clear();
    }
    const std::string what = group + ": " + Text(id) + " at " + Text(at);
    if (!seen.insert(id).second) {
      report.Add(&Verdict::duplicates, what + " was published twice");
      continue;
    }
    const auto publication = publications.find(id);
    if (publication == publications.end() || publication->second->sent_again) continue;
    std::uint32_t& last = last_of_order[OrderOf(*publication->second)];
    if (id.number < last) {
      report.Add(&Verdict::reordered,
                 what + " comes after number " + std::to_string(last) + " of its sender");
    }
    last = std::max(last, id.number);
  }
}

}  // namespace

std::string Text(MessageId id) {
  return "message " + std::to_string(id.sender) + "/" + std::to_string(id.number);
}

std::string Text(Position position) {
  return std::to_string(position.epoch) + "@" + std::to_string(position.offset);
}

void Report::Add(std::uint64_t Verdict::*count, const std::string& problem) {
  constexpr std::size_t kProblemsMax = 20;
  ++(verdict.*count);
  if (verdict.problems.size() < kProblemsMax) verdict.problems.push_back(problem);
}

std::string Verdict::Summary() const {
  std::ostringstream out;
  out << "publications=" << publications << " acknowledged=" << acknowledged
      << " delivered=" << delivered << " duplicates=" << duplicates << " reordered=" << reordered
      << " lost=" << lost << " unannounced=" << unannounced << " never_sent=" << never_sent
      << " foreign=" << foreign << " overclaimed=" << overclaimed << " gaps=" << gaps
      << " in_gaps=" << in_gaps << " repeats_dropped=" << repeats_dropped;
  for (const auto& [reason, count] : gap_reasons) out << " gaps_" << Text(reason) << "=" << count;
  return out.str();
}

Verdict Check(const History& history, const CheckOptions& options) {
  Verdict verdict;
  Report report{verdict};
  Publications publications;
  std::map<std::string, Board> boards;
  for (const PublicationLog& publication : history.publications) {
    publications.emplace(publication.id, &publication);
    boards[publication.group];
    ++verdict.publications;
    if (publication.acknowledged) ++verdict.acknowledged;
  }
  for (const MemberLog& member : history.members) boards[member.group];
  for (auto& [group, board] : boards) {
    FillBoard(group, history, board, report);
    CheckBoard(group, board, publications, report);
  }
  for (const MemberLog& member : history.members) {
    MemberCheck(member, boards[member.group], publications, options, report).Run();
  }
  return verdict;
}

}  // namespace faults
