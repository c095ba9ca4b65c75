#include "tests/fuzz/sim_talk.h"

#include <algorithm>
#include <iterator>

namespace fuzz {
namespace {

using Kind = EnvelopedView::Kind;

std::string Since(const std::optional<EnvelopedView::Position>& since, uint32_t last) {
  if (since) {
    return R"(,"since":{"epoch":")" + since->epoch + R"(","offset":)" +
           std::to_string(since->offset) + "}";
  }
  return last == 0 ? "" : R"(,"last":)" + std::to_string(last);
}

}  // namespace

void SimTalk::Say(SimClient& client) {
  if (client.enveloped()) {
    SayEnveloped(client);
  } else {
    SayPlain(client);
  }
}

void SimTalk::ResumeAll(SimClient& client) {
  for (size_t i = 0; i < kSimGroups; ++i) {
    const std::string group = "g" + std::to_string(i);
    const auto position = client.view().position(group);
    if (position && !input_.Chance(4)) {
      Join(client, group, position, 0, client.view().position_is_bogus(group));
    }
  }
}

void SimTalk::Join(SimClient& client, const std::string& group,
                   const std::optional<Position>& since, uint32_t last, bool bogus) {
  if (!client.connected()) return;
  const int64_t id = client.view().Open(
      {.kind = Kind::kJoin, .group = group, .since = since, .last = last, .bogus = bogus});
  Command(client, "add_group", id, group, Since(since, last));
}

void SimTalk::Command(SimClient& client, const char* name, int64_t id, const std::string& group,
                      const std::string& more) {
  const std::string text = R"({"id":)" + std::to_string(id) + R"(,"cmd":")" + name +
                           R"(","group_id":")" + group + '"' + more + '}';
  trace_("%s says %.200s", client.name().c_str(), text.c_str());
  client.Say(text);
  settle_();
}

void SimTalk::SayEnveloped(SimClient& client) {
  EnvelopedView& view = client.view();
  const std::string group = AnyGroup();
  const auto position = view.position(group);
  switch (input_.Below(16)) {
    case 0:
    case 1:
      return Join(client, group, std::nullopt, 0, false);
    case 2:
      return Join(client, group, position, 0, view.position_is_bogus(group));
    case 3: {  // further back
      if (!position) return;
      const uint64_t back = std::min<uint64_t>(position->offset, input_.Below(32));
      return Join(client, group, Position{position->epoch, position->offset - back}, 0,
                  view.position_is_bogus(group));
    }
    case 4:
      return Join(client, group, std::nullopt, 1 + static_cast<uint32_t>(input_.Below(8)), false);
    case 5: {
      const std::string epoch = input_.Chance(2) ? "none" : service_.epochs().back();
      return Join(client, group, Position{epoch, input_.Chance(2) ? 10'000 : UINT64_MAX}, 0, true);
    }
    case 6:
      return Command(client, "leave_group", view.Open({.kind = Kind::kLeave, .group = group}),
                     group, "");
    case 7:
    case 8:
      return LookBack(client, group, position);
    case 9:
      return Command(client, "ping", view.Open({.kind = Kind::kPing}), group, "");
    case 10:
      trace_("%s pauses", client.name().c_str());
      return client.SetPaused(true);
    case 11:
      return client.SetPaused(false);
    default:
      return Send(client, group);
  }
}

void SimTalk::LookBack(SimClient& client, const std::string& group,
                       const std::optional<Position>& position) {
  EnvelopedView::Request request{.kind = Kind::kHistory, .group = group};
  const size_t how = input_.Below(4);
  if (how == 1) request.last = 1 + static_cast<uint32_t>(input_.Below(8));
  if (how >= 2 && position) {
    request.since = position;
    request.since->offset -= std::min<uint64_t>(position->offset, input_.Below(32));
  }
  std::string more = Since(request.since, request.last);
  if (input_.Chance(2)) {
    request.limit = 1 + static_cast<uint32_t>(input_.Below(4));
    more += R"(,"limit":)" + std::to_string(request.limit);
  }
  Command(client, "history", client.view().Open(request), group, more);
}

std::string SimTalk::NewMessage(const std::string& group) {
  static constexpr size_t kSizes[] = {1, 1, 1, 200, 3'000};
  return group + " " + std::to_string(++last_message_) + " " +
         std::string(kSizes[input_.Below(std::size(kSizes))], 'x');
}

void SimTalk::Send(SimClient& client, const std::string& group) {
  const size_t how = input_.Below(8);
  std::string message = '"' + NewMessage(group) + '"';
  if (how == 0) message = '[' + message + ']';
  std::string more = R"(,"message":)" + message;
  bool key_was_used = false;
  if (how <= 2) {
    // One of a few keys: with another message than before it is a conflict.
    const std::string key = "k" + std::to_string(input_.Below(4));
    more += R"(,"key":")" + key + '"';
    key_was_used = true;
  }
  if (how == 3) {  // without an id nothing is acknowledged
    client.Say(R"({"cmd":"send_to_group","group_id":")" + group + '"' + more + '}');
    return;
  }
  const int64_t id = client.view().Open({.kind = Kind::kSend,
                                         .group = group,
                                         .message = message,
                                         .key_was_used = key_was_used,
                                         .after_join = client.view().LastJoin(group)});
  Command(client, "send_to_group", id, group, more);
}

void SimTalk::SayPlain(SimClient& client) {
  const std::string group = "g" + std::to_string(input_.Below(plain_groups_max_));
  switch (input_.Below(8)) {
    case 0:
    case 1:
    case 2:
      trace_("%s joins %s", client.name().c_str(), group.c_str());
      return client.JoinPlain(group);
    case 3:
      if (client.paused() || client.held()) return;
      trace_("%s leaves %s", client.name().c_str(), group.c_str());
      return client.LeavePlain(group);
    case 4:
      trace_("%s pauses", client.name().c_str());
      return client.SetPaused(true);
    case 5:
      return client.SetPaused(false);
    default:
      client.Say(R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")" +
                 NewMessage(group) + "\"}");
  }
}

}  // namespace fuzz
