#include "tests/fuzz/plain_view.h"

#include <algorithm>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {

std::string GroupOfMessage(const std::string& message) {
  const size_t begin = message.find('g');
  return begin == std::string::npos ? "" : message.substr(begin, message.find(' ', begin) - begin);
}

void PlainView::OnJoin(const std::string& group, size_t gaps) {
  Group& mine = groups_[group];
  if (!mine.joined) mine = {.joined = true, .gaps_before = gaps};
}

void PlainView::OnLeave(const std::string& group) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  found->second.joined = false;
  found->second.guesses.clear();
}

std::vector<PlainView::Place> PlainView::Find(const std::string& group,
                                              const std::string& message) const {
  std::vector<Place> places;
  for (size_t number = 0; number < service_.epochs().size(); ++number) {
    for (const LogEntry& entry : service_.log().Of(service_.epochs()[number], group)) {
      if (entry.plain == message) places.push_back({number, entry.offset});
    }
  }
  return places;
}

std::vector<PlainView::Guess> PlainView::Follow(const std::string& group,
                                                const std::vector<Guess>& before,
                                                const std::vector<Place>& places,
                                                size_t holes_max) const {
  std::vector<Guess> guesses;
  for (const Place& place : places) {
    size_t fewest = SIZE_MAX;
    for (const Guess& guess : before) {
      if (!(guess.place < place)) continue;
      const bool hole = guess.place.epoch == place.epoch &&
                        service_.log().Between(service_.epochs()[place.epoch], group,
                                               guess.place.offset, place.offset) != 0;
      fewest = std::min(fewest, guess.holes + (hole ? 1 : 0));
    }
    if (fewest <= holes_max) guesses.push_back({place, fewest});
  }
  return guesses;
}

void PlainView::OnMessage(const std::string& message,
                          const std::function<size_t(const std::string& group)>& gaps_of) {
  if (message.rfind(R"({"event":"error")", 0) == 0) return;
  const std::string group = GroupOfMessage(message);
  const auto found = groups_.find(group);
  if (found == groups_.end()) Fail(name_ + ": of a group that it is not in: " + message);
  Group& mine = found->second;
  if (!mine.joined) return;
  const std::vector<Place> places = Find(group, message);
  if (mine.guesses.empty()) {
    for (const Place& place : places) mine.guesses.push_back({place, 0});
  } else {
    mine.guesses = Follow(group, mine.guesses, places, gaps_of(group) - mine.gaps_before);
  }
  if (mine.guesses.empty()) {
    Fail(name_ +
         ": twice, out of order, never published, or something is missing before it: " + message);
  }
}

void PlainView::CheckComplete() const {
  for (const auto& [group, mine] : groups_) {
    if (!mine.joined) continue;
    const auto& entries = service_.log().Of(service_.epoch(), group);
    if (entries.empty()) Fail("there is no last publication");
    const bool has_last =
        std::any_of(mine.guesses.begin(), mine.guesses.end(), [&](const Guess& guess) {
          return guess.place.epoch + 1 == service_.epochs().size() &&
                 guess.place.offset == entries.back().offset;
        });
    if (!has_last) Fail(name_ + ": the last message of " + group + " did not come");
  }
}

}  // namespace fuzz
