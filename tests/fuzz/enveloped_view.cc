#include "tests/fuzz/enveloped_view.h"

#include "tests/fuzz/fuzz_input.h"
#include "tests/support/event_fields.h"

namespace fuzz {
namespace {

namespace json = boost::json;
using support::Arrival;
using support::IsTrue;

std::string Text(const json::object& event, const char* name) {
  return std::string(support::TextOf(event, name));
}

uint64_t Number(const json::object& event, const char* name) {
  const json::value* value = event.if_contains(name);
  if (value == nullptr || !(value->is_int64() || value->is_uint64())) {
    Fail(std::string("no number ") + name + " in " + json::serialize(event));
  }
  return value->to_number<uint64_t>();
}

}  // namespace

void EnvelopedView::Wrong(const std::string& why) const {
  Fail(name_ + ": " + why + ": " + event_);
}

int64_t EnvelopedView::Open(Request request) {
  const int64_t id = ++last_id_;
  Group& group = groups_[request.group];
  if (request.kind == Kind::kJoin) group.last_join = id;
  if (request.kind == Kind::kLeave) group.last_join = 0;
  open_.emplace(id, std::move(request));
  return id;
}

int64_t EnvelopedView::LastJoin(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? 0 : found->second.last_join;
}

bool EnvelopedView::joined(const std::string& group) const {
  const auto found = groups_.find(group);
  return found != groups_.end() && found->second.joined;
}

std::optional<EnvelopedView::Position> EnvelopedView::position(const std::string& group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end() || found->second.last != 0) return std::nullopt;
  return found->second.place.position();
}

bool EnvelopedView::position_is_bogus(const std::string& group) const {
  const auto found = groups_.find(group);
  return found != groups_.end() && found->second.bogus;
}

void EnvelopedView::OnLost() {
  open_.clear();
  for (auto& [id, group] : groups_) {
    group.joined = false;
    group.last_join = 0;
    // A gap that was promised and did not come: the position is as it was.
    group.place.ForgetGap();
  }
}

void EnvelopedView::OnEvent(const std::string& text) {
  event_ = text;
  json::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) Wrong("not an object");
  const Object& event = value.get_object();
  const std::string name = Text(event, "event");
  if (name == "welcome") {
    if (std::exchange(welcome_came_, true)) Wrong("a second welcome");
    return;
  }
  if (!welcome_came_) Wrong("before the welcome");
  if (name == "ok" || name == "pong") {
    OnOk(event);
  } else if (name == "message") {
    OnMessage(event);
  } else if (name == "gap") {
    OnGap(event);
  } else if (name == "error") {
    OnError(event);
  } else {
    Wrong("what is this");
  }
}

std::map<int64_t, EnvelopedView::Request>::node_type EnvelopedView::TakeOpen(int64_t id) {
  auto found = open_.extract(id);
  if (found.empty()) Wrong("an answer to nothing");
  for (const auto& [earlier, request] : open_) {
    if (earlier < id && request.kind != Kind::kPing && request.group == found.mapped().group) {
      Wrong("before the answer to command " + std::to_string(earlier));
    }
  }
  return found;
}

void EnvelopedView::OnOk(const Object& event) {
  const auto id = static_cast<int64_t>(Number(event, "id"));
  const auto found = TakeOpen(id);
  const Request& request = found.mapped();
  if (request.kind != Kind::kPing && Text(event, "group_id") != request.group) {
    Wrong("of another group");
  }
  switch (request.kind) {
    case Kind::kJoin:
      return OnJoined(request, id, event);
    case Kind::kLeave: {
      Group& group = groups_[request.group];
      if (group.place.gap_due()) Wrong("instead of a gap");
      group.joined = false;
      return;
    }
    case Kind::kSend:
      return OnSent(request, event);
    case Kind::kHistory:
      return OnHistory(request, event);
    case Kind::kPing:
      return;
  }
}

void EnvelopedView::OnJoined(const Request& request, int64_t id, const Object& event) {
  Group& group = groups_[request.group];
  if (group.place.gap_due()) Wrong("instead of a gap");
  const std::string epoch = Text(event, "epoch");
  const uint64_t head = Number(event, "offset");
  const bool recovered = IsTrue(event, "recovered");
  const bool was_joined = std::exchange(group.joined, true);
  const bool from_now_on = !request.since && request.last == 0;
  if (from_now_on) {
    if (!recovered) Wrong("nothing was to be recovered");
    if (was_joined) return;
    group.begun_at = {epoch, head};
    group.place.MoveTo(group.begun_at);
    group.begun_by = id;
    group.last = 0;
    group.bogus = false;
    // An edge that is behind the one it was on before may give again what it had there.
    Forget(&group, group.begun_at);
    return;
  }
  group.begun_by = 0;
  if (request.last != 0) {
    group.place.MoveTo({epoch, head});
    (void)group.place.OnResumed({epoch, head}, recovered);
    group.last = request.last;
    group.bogus = false;
    group.given.clear();
  } else {
    group.last = 0;
    group.place.MoveTo(*request.since);
    Forget(&group, *request.since);
    if (!group.place.OnResumed({epoch, head}, recovered)) Wrong("recovered into another epoch");
    if (recovered) {
      if (head < request.since->offset) Wrong("recovered from beyond the head");
    } else {
      if (!request.bogus && service_.IsLater(request.since->epoch, epoch)) {
        Wrong("back to an older epoch");
      }
      group.bogus = request.bogus;
    }
    if (request.bogus) group.given.clear();
  }
}

void EnvelopedView::Forget(Group* group, const Position& position) const {
  std::erase_if(group->given, [&](const auto& place) {
    return place.first == position.epoch ? place.second > position.offset
                                         : service_.IsLater(place.first, position.epoch);
  });
}

EnvelopedView::Group& EnvelopedView::JoinedGroup(const Object& event) {
  Group& group = groups_[Text(event, "group_id")];
  if (!group.joined) Wrong("of a group that is not joined");
  return group;
}

const LogEntry& EnvelopedView::CheckPublication(const Object& event, const std::string& group) {
  const uint64_t offset = Number(event, "offset");
  const LogEntry* entry = service_.log().Find(Text(event, "epoch"), group, offset);
  if (entry == nullptr) Wrong("was never published");
  const json::value* body = event.if_contains("message");
  if (body == nullptr) body = event.if_contains("data");
  if (body == nullptr || json::serialize(*body) != entry->envelope) Wrong("another body");
  if (Text(event, "key") != entry->key) Wrong("another key");
  if (Number(event, "previous_offset") >= offset) Wrong("follows itself");
  return *entry;
}

void EnvelopedView::OnMessage(const Object& event) {
  const std::string name = Text(event, "group_id");
  Group& group = JoinedGroup(event);
  if (group.place.gap_due()) Wrong("instead of a gap");
  const LogEntry& entry = CheckPublication(event, name);
  const Position position = *group.place.position();
  const Position at{Text(event, "epoch"), entry.offset};
  const Log& log = service_.log();
  const uint32_t last = std::exchange(group.last, 0);
  if (last != 0 && at.epoch == position.epoch && at.offset <= position.offset) {
    const size_t count = 1 + log.Between(position.epoch, name, entry.offset, position.offset + 1);
    if (count > last) Wrong("more than `last`");
    if (count < last) CheckNoneBefore(position.epoch, name, entry.offset);
    group.place.MoveTo(at);
  } else {
    const Arrival arrival = group.place.OnMessage(at, Number(event, "previous_offset"));
    if (arrival == Arrival::kOtherEpoch) Wrong("of an epoch that was not announced");
    if (arrival == Arrival::kDuplicate) Wrong("a second time");
    if (arrival == Arrival::kHole) Wrong("a hole, by its own words");
    if (last != 0) CheckNoneBefore(position.epoch, name, position.offset + 1);
    const LogEntry* next = log.After(position.epoch, name, position.offset);
    if (next->offset != entry.offset) Wrong("something is missing before it");
  }
  if (!group.given.emplace(at.epoch, at.offset).second) {
    Wrong("given before, and not asked for again");
  }
}

void EnvelopedView::CheckNoneHeld(const std::string& epoch, const std::string& group,
                                  uint64_t before) {
  if (!service_.up() || service_.epoch() != epoch) return;
  const auto oldest = service_.OldestHeld(group);
  if (oldest && *oldest < before) Wrong("an older one is left out, though it is held");
}

void EnvelopedView::CheckNoneBefore(const std::string& epoch, const std::string& group,
                                    uint64_t before) {
  if (service_.log().Between(epoch, group, 0, before) > 0) Wrong("fewer than `last`, and no gap");
}

void EnvelopedView::CheckSomethingMissing(const std::string& group, const Position& position,
                                          uint64_t before) {
  if (!service_.up() || service_.epoch() != position.epoch) return;
  if (service_.log().Between(position.epoch, group, position.offset, before) > 0) return;
  if (!service_.AnnouncesGapAfter(group, position)) Wrong("a gap, though nothing is missing");
}

// `head`: what the answer to the join told.
void EnvelopedView::CheckGapOfLast(const std::string& group, uint32_t last, const Position& head,
                                   uint64_t after, uint64_t before) {
  if (after != 0) Wrong("does not begin with the log");
  const size_t given = service_.log().Between(head.epoch, group, before - 1, head.offset + 1);
  if (given >= last) Wrong("a gap, though all of the `last` follow");
  if (rings_hold_all_) CheckSomethingMissing(group, {head.epoch, 0}, before);
}

void EnvelopedView::OnGap(const Object& event) {
  const std::string name = Text(event, "group_id");
  Group& group = JoinedGroup(event);
  const Position position = *group.place.position();
  const std::string epoch = Text(event, "epoch");
  const std::string reason = Text(event, "reason");
  const uint64_t after = Number(event, "after");
  const uint64_t before = Number(event, "before");
  const bool promised = group.place.gap_due();
  if (reason == "position") {
    if (!group.bogus || after != 0) Wrong("of a position that was given, or has an end that was");
  } else if (promised && group.last != 0) {
    CheckGapOfLast(name, group.last, position, after, before);
  } else if (promised) {
    if (after != position.offset) Wrong("does not begin where it was asked from");
  } else if (group.last == 0) {
    if (after < position.offset) Wrong("begins before the position");
    if (service_.log().Between(position.epoch, name, position.offset, after + 1) != 0) {
      Wrong("leaves out what was not given");
    }
  }
  const bool same_epoch = epoch == position.epoch;
  if (same_epoch && before <= after) Wrong("covers nothing");
  if (same_epoch == (reason == "epoch")) Wrong("a wrong reason");
  const bool held_is_left_out = promised && group.last != 0 && !rings_hold_all_;
  if (!group.bogus && reason != "overload" && !held_is_left_out) CheckNoneHeld(epoch, name, before);
  const bool known = reason == "retention" || reason == "epoch" || reason == "position";
  if (!known && reason != "overload") Wrong("no such reason");
  if (!group.bogus && same_epoch && reason == "retention" && group.last == 0) {
    CheckSomethingMissing(name, position, before);
  }
  group.bogus = false;
  // With `last` the position was the head, and may go back.
  const bool back = std::exchange(group.last, 0) != 0 || reason == "position";
  group.place.OnGap({epoch, before}, back);
}

void EnvelopedView::OnSent(const Request& request, const Object& event) {
  const Position at{Text(event, "epoch"), Number(event, "offset")};
  const LogEntry* entry = service_.log().Find(at.epoch, request.group, at.offset);
  if (entry == nullptr || entry->envelope != request.message) Wrong("another message is there");
  const Group& group = groups_[request.group];
  // A send that follows a join is seen by its connection.
  // A key may have been used before the join, and then this is not seen.
  const bool follows = group.begun_by != 0 && group.begun_by == request.after_join;
  if (follows && !request.key_was_used && group.begun_at.epoch == at.epoch &&
      group.begun_at.offset >= at.offset) {
    Wrong("a send after the join is before it");
  }
}

void EnvelopedView::OnHistory(const Request& request, const Object& event) {
  const std::string epoch = Text(event, "epoch");
  const json::value* list = event.if_contains("publications");
  if (list == nullptr || !list->is_array()) Wrong("no publications");
  const json::array& publications = list->get_array();
  const bool recovered = IsTrue(event, "recovered");
  const size_t most = request.limit != 0 ? request.limit : request.last != 0 ? request.last : 100;
  if (publications.size() > most) Wrong("more than asked for");
  if (request.since && recovered && request.since->epoch != epoch) Wrong("of another epoch");
  const Log& log = service_.log();
  std::optional<uint64_t> position;
  if (request.since && recovered) position = request.since->offset;
  for (const json::value& publication : publications) {
    const LogEntry& entry = CheckPublication(publication.get_object(), request.group);
    if (Text(publication.get_object(), "epoch") != epoch) Wrong("of different epochs");
    if (position && log.After(epoch, request.group, *position)->offset != entry.offset) {
      Wrong("not a whole chain");
    }
    position = entry.offset;
  }
  const uint64_t head = Number(event, "offset");
  if (request.since && !recovered && !request.bogus && request.since->epoch == epoch &&
      rings_hold_all_) {
    const uint64_t before =
        publications.empty() ? head + 1 : Number(publications.front().get_object(), "offset");
    CheckSomethingMissing(request.group, *request.since, before);
  }
  if (position && log.Between(epoch, request.group, head, *position + 1) > 0) {
    Wrong("newer than the head");
  }
  const size_t left = position ? log.Between(epoch, request.group, *position, head + 1) : 0;
  if (IsTrue(event, "more") != (left > 0)) Wrong("`more` is wrong");
}

void EnvelopedView::OnError(const Object& event) {
  const std::string code = Text(event, "code");
  if (IsTrue(event, "retryable") != (code == "unavailable")) Wrong("not as retryable as it says");
  if (!event.contains("id")) return;
  const auto found = TakeOpen(static_cast<int64_t>(Number(event, "id")));
  const Request& request = found.mapped();
  Group& group = groups_[request.group];
  bool allowed = code == "unavailable";
  switch (request.kind) {
    case Kind::kJoin:
      allowed = allowed || code == "limit_exceeded";
      if (code == "unavailable") group.joined = false;
      break;
    case Kind::kLeave:
      allowed = code == "limit_exceeded" || code == "not_joined";
      if (code == "not_joined" && group.joined) Wrong("it is joined");
      break;
    case Kind::kHistory:
      allowed = allowed || code == "limit_exceeded" || code == "not_joined";
      break;
    case Kind::kSend:
      allowed = allowed || (code == "key_conflict" && request.key_was_used);
      break;
    case Kind::kPing:
      break;
  }
  if (!allowed) Wrong("no reason for it");
  if (code == "unavailable" && group.place.gap_due()) Wrong("instead of a gap");
}

void EnvelopedView::CheckComplete() const {
  if (!open_.empty()) {
    Fail(name_ + ": a command was not answered, id " + std::to_string(open_.begin()->first));
  }
  for (const auto& [name, group] : groups_) {
    if (!group.joined) continue;
    if (group.place.gap_due()) Fail(name_ + ": a gap was promised for " + name);
    const auto& entries = service_.log().Of(service_.epoch(), name);
    if (entries.empty()) Fail("there is no last publication");
    const Position& position = *group.place.position();
    if (position.epoch != service_.epoch() || position.offset < entries.back().offset) {
      Fail(name_ + ": is left behind in " + name + " at " + position.epoch + ":" +
           std::to_string(position.offset) + ", the newest is " +
           std::to_string(entries.back().offset));
    }
    if (group.given.count({service_.epoch(), entries.back().offset}) == 0) {
      Fail(name_ + ": did not get the last of " + name);
    }
  }
}

}  // namespace fuzz
