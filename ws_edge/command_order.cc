#include "ws_edge/command_order.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"

namespace edge {
namespace {

// So many answered entries are left at the front before those behind them move up.
constexpr size_t kAnsweredKeptMax = 32;

}  // namespace

void GroupCommands::Push(Entry entry) {
  if (!entry.send) ++local_count_;
  if (entry.answer != nullptr) held_bytes_ += entry.answer->size();
  entries_.push_back(std::move(entry));
  SkipBegun();
}

void GroupCommands::SkipBegun() {
  while (waiting_ < entries_.size() && entries_[waiting_].begun()) ++waiting_;
}

Command GroupCommands::BeginFirstWaiting() {
  Command command = std::move(*entries_[waiting_].command);
  entries_[waiting_].command = nullptr;
  SkipBegun();
  return command;
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
  if (answer != nullptr) held_bytes_ += answer->size();
  entry->answer = std::move(answer);
}

FramePtr GroupCommands::PopAnswered() {
  Entry& entry = entries_[first_];
  FramePtr answer = std::move(entry.answer);
  if (answer != nullptr) held_bytes_ -= answer->size();
  if (!entry.send) --local_count_;
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
  auto added = std::make_unique<GroupCommands>(held_bytes_);
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
  held_bytes_ = 0;
  return taken;
}

}  // namespace edge
