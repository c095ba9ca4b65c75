#include "tests/unit/ws_edge/groups_fixture.h"

#include <boost/json.hpp>
#include <utility>

namespace edge {
namespace {

namespace json = boost::json;

// The values that tests look at, in a fixed order: "ok 1 g offset=5 recovered=true".
std::string Short(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return text;
  const json::object& event = value.get_object();
  std::string result(event.at("event").as_string());
  const auto add = [&](const char* name, bool with_name) {
    const json::value* field = event.if_contains(name);
    if (field == nullptr) return;
    result += ' ';
    if (with_name) result += std::string(name) + "=";
    result += field->is_string() ? std::string(field->as_string()) : json::serialize(*field);
  };
  const bool is_error = result == "error";
  add("id", false);
  add(is_error ? "code" : "message", false);
  for (const char* name : {"offset", "after", "before", "reason", "recovered"}) add(name, true);
  if (const json::value* list = event.if_contains("publications")) {
    result += " publications=" + std::to_string(list->as_array().size());
  }
  return result;
}

}  // namespace

GroupsFixture::FakeClient::FakeClient(GroupsFixture& edge, bool enveloped)
    : Client(++edge.last_client_id_, edge.limits_, edge.metrics_),
      edge_(edge),
      queue_(&edge.flush_list_) {
  SetQueue(&queue_);
  if (enveloped) SetDialect(Dialect::kEnveloped);
  edge.clients_.push_back(this);
}

void GroupsFixture::FakeClient::Say(std::string_view text) {
  Command command;
  CommandError error;
  ASSERT_TRUE(ParseCommand(dialect(), text, &command, &error)) << error.message;
  OnCommand(std::move(command));
}

void GroupsFixture::FakeClient::OnCommand(Command command) {
  edge_.groups_.OnCommand(*this, std::move(command));
  edge_.Settle();
}

void GroupsFixture::FakeClient::Vanish() {
  if (std::exchange(gone_, true)) return;
  edge_.groups_.LeaveAll(*this);
  std::erase(edge_.clients_, this);
}

void GroupsFixture::FakeClient::CloseAsSlow() {
  closed_as_slow_ = true;
  queue_.EndData();
}

size_t GroupsFixture::FakeClient::Read() {
  size_t bytes = 0;
  for (const FramePtr& frame : queue_.TakeQueued()) {
    bytes += frame->size();
    read_.push_back(Short(std::string(frame->payload())));
  }
  return bytes;
}

std::vector<std::string> GroupsFixture::FakeClient::Told() {
  edge_.Settle();
  return std::exchange(read_, {});
}

void GroupsFixture::Settle() {
  for (FakeClient* client : clients_) {
    if (client->reading_) client->Read();
  }
}

void GroupsFixture::Confirm(const std::string& group_id, uint64_t head, bool recovered,
                            uint32_t due) {
  upstream_.Confirm(group_id, head, recovered, due);
  Settle();
}

void GroupsFixture::ConfirmWithGap(const std::string& group_id, uint64_t head, uint64_t after,
                                   uint64_t before, uint32_t due) {
  upstream_.Confirm(group_id, head, /*recovered=*/false, due);
  upstream_.GiveGap(group_id, after, before);
  Settle();
}

void GroupsFixture::Publish(const std::string& group_id, uint64_t offset,
                            uint64_t previous_offset) {
  upstream_.Publish(group_id, offset, previous_offset);
  Settle();
}

void GroupsFixture::AnswerSend(uint64_t offset) {
  upstream_.Answer(offset);
  Settle();
}

void GroupsFixture::Tick(std::chrono::milliseconds time) {
  clock_.Step(time);
  groups_.OnTick();
  upstream_.link().OnTurnEnd();
  Settle();
}

}  // namespace edge
