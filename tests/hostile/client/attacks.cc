#include "tests/hostile/client/attacks.h"

#include <array>

namespace hostile {
namespace {

using channel::bench::ClientFrame;
using channel::bench::kCloseFrame;
using channel::bench::kPingFrame;

// RFC 6455, section 5.2: neither has FIN.
constexpr std::uint8_t kFirstFragment = 0x01;
constexpr std::uint8_t kNextFragment = 0x00;

constexpr std::string_view kAttacked = "attacked";  // the group of 100 bystanders
constexpr std::size_t kLargeBytes = 60'000;
constexpr std::size_t kStuckMembers = 50;
constexpr std::size_t kHistoryPublications = 256;  // what the log keeps of a group …
constexpr std::size_t kHistoryBytes = 4'000;       // … with bodies of so many bytes

std::string Command(std::string_view cmd, std::string_view group, std::string_view more = "") {
  std::string text = R"({"cmd":")";
  text.append(cmd).append(R"(","group_id":")").append(group).append("\"").append(more).append("}");
  return text;
}

std::string Message(std::size_t bytes) {
  return R"(,"message":")" + std::string(bytes, 'm') + "\"";
}

void PublishSmall(Speech& speech) {
  static const std::string command = Command("send_to_group", kAttacked, Message(20));
  speech.Text(command);
}

void PublishLarge(Speech& speech) {
  static const std::string command = Command("send_to_group", kAttacked, Message(kLargeBytes));
  speech.Text(command);
}

void PublishWithNewKey(Speech& speech) {
  speech.Text(Command(
      "send_to_group", "keys",
      Message(20) + R"(,"key":"key-of-a-stranger-)" + std::to_string(++speech.next) + "\""));
}

void FillHistory(Speech& speech) {
  speech.Text(Command("add_group", "history"));
  for (std::size_t i = 0; i < kHistoryPublications; ++i) {
    speech.Text(Command("send_to_group", "history", Message(kHistoryBytes)));
  }
}

void AskForHistory(Speech& speech) {
  static const std::string command = Command("history", "history", R"(,"id":1,"limit":1000)");
  speech.Text(command);
}

void PingCommand(Speech& speech) { speech.Text(R"({"cmd":"ping"})"); }

void BadJson(Speech& speech) { speech.Text(R"({"cmd":"send_to_group","group_id":)"); }

void JoinAndLeave(Speech& speech) {
  static const std::string join = Command("add_group", kAttacked, R"(,"id":1)");
  static const std::string leave = Command("leave_group", kAttacked, R"(,"id":2)");
  speech.Text(join);
  speech.Text(leave);
}

void PingFrame(Speech& speech) {
  static const std::string payload(125, 'p');  // the most that a control frame has
  speech.Frame(kPingFrame, payload);
}

void BeginMessage(Speech& speech) { speech.Frame(kFirstFragment, ""); }
void EmptyFragment(Speech& speech) { speech.Frame(kNextFragment, ""); }

void JoinAndGo(Speech& speech) {
  speech.Text(Command("add_group", kAttacked));
  speech.Frame(kCloseFrame, "\x03\xe8");  // 1000
}

void NewGroup(Speech& speech) {
  const std::string group = "random-" + std::to_string(++speech.next) + "-" + std::string(200, 'g');
  speech.Text(Command("add_group", group));
  speech.Text(Command("send_to_group", group, Message(20)));
  speech.Text(Command("leave_group", group));
}

void PublishLargeToNewGroup(Speech& speech) {
  speech.Text(
      Command("send_to_group", "random-" + std::to_string(++speech.next), Message(kLargeBytes)));
}

void JoinStuck(Speech& speech) {
  if (speech.connection < kStuckMembers) speech.Text(Command("add_group", "stuck"));
}

void PublishToStuck(Speech& speech) {
  static const std::string command = Command("send_to_group", "stuck", Message(kLargeBytes));
  if (speech.connection >= kStuckMembers) speech.Text(command);
}

constexpr std::array kAttacks{
    Attack{.name = "ws_publish_20", .go_on = PublishSmall},
    Attack{.name = "ws_publish_60k", .go_on = PublishLarge},
    Attack{.name = "ws_keyed", .enveloped = true, .go_on = PublishWithNewKey},
    Attack{.name = "ws_history", .enveloped = true, .begin = FillHistory, .go_on = AskForHistory},
    Attack{.name = "ws_ping_commands", .enveloped = true, .go_on = PingCommand},
    Attack{.name = "ws_bad_json", .go_on = BadJson},
    Attack{.name = "ws_join_leave", .enveloped = true, .go_on = JoinAndLeave},
    Attack{.name = "ws_ping_frames", .go_on = PingFrame},
    Attack{.name = "ws_empty_fragments", .begin = BeginMessage, .go_on = EmptyFragment},
    Attack{.name = "ws_connect_join_close", .connections = 16, .begin = JoinAndGo},
    Attack{.name = "ws_random_groups", .enveloped = true, .go_on = NewGroup},
    // So many that the log is full in 12 s, though each of them may send 1 MiB in a second.
    Attack{.name = "ws_push_histories_out", .connections = 64, .go_on = PublishLargeToNewGroup},
    Attack{.name = "ws_silent", .connections = 19'900, .opening = Opening::kAnyAndSilent},
    Attack{.name = "ws_never_reading",
           .connections = kStuckMembers + 1,
           .reads = false,
           .begin = JoinStuck,
           .go_on = PublishToStuck},
};

}  // namespace

void Speech::Frame(std::uint8_t first, std::string_view payload) {
  static ClientFrame frame;
  frame.Append(payload);
  out += frame.Finish(first);
  ++frames;
}

std::span<const Attack> Attacks() { return kAttacks; }

}  // namespace hostile
