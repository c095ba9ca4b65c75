#include "ws_edge/groups/command_order.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"

namespace edge {
namespace {

// So many answered entries are left at the front before those behind them move up.
constexpr size_t kAnsweredKeptMax = 32;

}  // namespace

void GroupCommands::Push(Entry entry) {
  if (!entry.send) ++in_turn_count_;
  if (entry.answer != nullptr) bytes_.held += entry.answer->size();
  if (entry.command != nullptr) bytes_.waiting += entry.command->bytes();
  entries_.push_back(std::move(entry));
  while (waiting_ < entries_.size() && entries_[waiting_].begun()) ++waiting_;
}

Command GroupCommands::Take(Entry& entry) {
  Command command = std::move(*entry.command);
  entry.command = nullptr;
  bytes_.waiting -= command.bytes();
  while (waiting_ < entries_.size() && entries_[waiting_].begun()) ++waiting_;
  return command;
}

Command GroupCommands::BeginFirstWaiting() { return Take(entries_[waiting_]); }

std::optional<Command> GroupCommands::TakeOverdueSend(channel::SteadyTime oldest,
                                                      uint64_t* number) {
  for (size_t i = waiting_; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.begun()) continue;
    if (entry.came_at >= oldest) break;
    if (!entry.send) continue;
    *number = entry.number;
    return Take(entry);
  }
  return std::nullopt;
}

void GroupCommands::Answer(uint64_t number, FramePtr answer) {
  if (empty()) return;
  const auto begin = entries_.begin() + static_cast<ptrdiff_t>(first_);
  const auto entry = number == 0 ? begin
                                 : std::lower_bound(begin, entries_.end(), number,
                                                    [](const Entry& candidate, uint64_t wanted) {
                                                      return candidate.number < wanted;
                                                    });
  if (entry == entries_.end() || (number != 0 && entry->number != number)) return;
  CHANNEL_CHECK(!entry->answered);
  entry->answered = true;
  if (answer != nullptr) bytes_.held += answer->size();
  entry->answer = std::move(answer);
}

FramePtr GroupCommands::PopAnswered() {
  Entry& entry = entries_[first_];
  FramePtr answer = std::move(entry.answer);
  if (answer != nullptr) bytes_.held -= answer->size();
  if (!entry.send) --in_turn_count_;
  ++first_;
  waiting_ = std::max(waiting_, first_);
  if (first_ > kAnsweredKeptMax && first_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(first_));
    waiting_ -= first_;
    first_ = 0;
  }
  return answer;
}

GroupCommands* CommandOrder::Find(std::string_view group_id) {
  if (table_ == nullptr) return nullptr;
  const auto found = table_->find(group_id);
  return found == table_->end() ? nullptr : found->second.get();
}

GroupCommands& CommandOrder::FindOrAdd(std::string_view group_id) {
  if (GroupCommands* const found = Find(group_id)) return *found;
  if (table_ == nullptr) table_ = std::make_unique<Table>();
  auto added = std::make_unique<GroupCommands>(bytes_);
  return *table_->emplace(std::string(group_id), std::move(added)).first->second;
}

void CommandOrder::Forget(std::string_view group_id) {
  if (table_ == nullptr) return;
  const auto found = table_->find(group_id);
  if (found != table_->end()) table_->erase(found);
  if (table_->empty()) table_ = nullptr;
}

std::vector<Command> CommandOrder::TakeWaiting() {
  std::vector<Command> taken;
  if (table_ == nullptr) return taken;
  for (auto& [group_id, commands] : *table_) {
    while (commands->has_waiting()) taken.push_back(commands->BeginFirstWaiting());
  }
  table_ = nullptr;
  bytes_ = {};
  return taken;
}

std::vector<std::string> CommandOrder::GroupsThatWait() const {
  std::vector<std::string> groups;
  if (table_ == nullptr) return groups;
  for (const auto& [group_id, commands] : *table_) {
    if (commands->has_waiting()) groups.push_back(group_id);
  }
  return groups;
}

}  // namespace edge
