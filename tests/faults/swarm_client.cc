#include "tests/faults/swarm_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <utility>

#include "tests/support/event_fields.h"
#include "tests/support/web_socket_client.h"

namespace faults {
namespace {

using std::chrono::milliseconds;
namespace json = boost::json;
using support::IsTrue;
using support::NumberOf;
using support::TextOf;
using support::WindowOf;

// A client assumes this until its first welcome.
constexpr std::pair<milliseconds, milliseconds> kReconnectWindow{200, 15'000};
// A frozen edge accepts and never answers.
constexpr std::chrono::seconds kConnectTimeout{5};
constexpr int kStopCodesFrom = 4500;

Time Now() { return std::chrono::steady_clock::now(); }

// 128 random bits: other members see a key and must not guess the next one.
std::string MakeKey(std::mt19937_64& random) {
  return std::to_string(random()) + "-" + std::to_string(random());
}

}  // namespace

SwarmClient::SwarmClient(SwarmContext& context, SwarmClientOptions options)
    : context_(context), options_(std::move(options)), reconnect_window_(kReconnectWindow) {
  for (const std::string& group : options_.groups) {
    memberships_.emplace_back();
    memberships_.back().log.name = options_.name;
    memberships_.back().log.group = group;
  }
}

SwarmClient::~SwarmClient() {
  if (connection_ != nullptr) connection_->Detach();
}

bool SwarmClient::joined() const {
  return welcomed_ && std::all_of(memberships_.begin(), memberships_.end(),
                                  [](const Membership& membership) { return membership.joined; });
}

void SwarmClient::Start() { connect_at_ = Now(); }

void SwarmClient::GoAway() {
  away_ = true;
  connect_at_.reset();
  Disconnect();
}

void SwarmClient::ComeBack() {
  away_ = false;
  connect_at_ = Now();
}

void SwarmClient::SetReading(bool reading) {
  reading_ = reading;
  heard_at_ = Now();
  if (connection_ != nullptr) connection_->SetReading(reading);
}

void SwarmClient::StartSending(SendPlan plan) {
  plan_ = std::move(plan);
  sending_ = true;
  next_send_ = Now() + plan_->delay;
}

void SwarmClient::OnTick(Time now) {
  if (connect_at_ && now >= *connect_at_) Connect();
  if (connection_ != nullptr && !welcomed_ && now >= connect_deadline_) {
    Disconnect();
    StartReconnectWait();
  }
  if (welcomed_ && reading_ && now >= heard_at_ + ping_interval_) {
    if (!std::exchange(ping_sent_, true)) {
      connection_->Send(R"({"id":)" + std::to_string(++last_command_) + R"(,"cmd":"ping"})");
    } else if (now >= heard_at_ + ping_interval_ + options_.pong_timeout) {
      ++counts_.lost;
      Disconnect();
      StartReconnectWait();
    }
  }
  if (sending_) SendNew(now);
  if (!welcomed_) return;
  for (Membership& membership : memberships_) {
    if (membership.join_again_at && now >= *membership.join_again_at) Join(membership);
  }
  for (Pending& publication : unanswered_) {
    if (publication.again_at && now >= *publication.again_at) SendPublication(publication);
  }
}

void SwarmClient::Connect() {
  connect_at_.reset();
  connect_deadline_ = Now() + kConnectTimeout;
  connection_ = std::make_shared<SwarmConnection>(context_.loop,
                                                  static_cast<SwarmConnection::Observer*>(this));
  connection_->SetReading(reading_);
  connection_->Start({boost::asio::ip::make_address_v4(server()), context_.port},
                     options_.source_address, options_.receive_buffer_bytes);
}

void SwarmClient::Disconnect(int code) {
  if (connection_ == nullptr) return;
  std::exchange(connection_, nullptr)->Detach();
  ++counts_.closes[code];
  if (plan_ && !plan_->keyed) unanswered_.clear();
  if (!std::exchange(welcomed_, false)) return;
  for (Membership& membership : memberships_) {
    membership.joined = false;
    membership.join_again_at.reset();
    MemberEvent event;
    event.kind = MemberEvent::Kind::kConnectionLost;
    event.when = Now();
    if (membership.place.position()) membership.log.events.push_back(event);
  }
}

// `bye` names the window for one return; otherwise it grows from its lower end with each attempt.
void SwarmClient::StartReconnectWait() {
  if (stopped_ || away_) return;
  server_ = (server_ + 1) % options_.servers.size();
  const auto [low, high] = reconnect_window_;
  const int doublings = std::min(attempts_++ + 2, 10);
  const milliseconds grown = std::max(low, milliseconds(1)) * (1 << doublings);
  connect_at_ = Now() + Random(low, std::exchange(bye_, false) ? high : std::min(high, grown));
}

milliseconds SwarmClient::Random(milliseconds low, milliseconds high) {
  using Distribution = std::uniform_int_distribution<milliseconds::rep>;
  return milliseconds(Distribution(low.count(), std::max(low, high).count())(context_.random));
}

void SwarmClient::OnClosed(int code) {
  if (welcomed_ && code == kAbnormalClosure) ++counts_.lost;
  Disconnect(code);
  stopped_ = code >= kStopCodesFrom && code < kStopCodesFrom + 500;
  StartReconnectWait();
}

void SwarmClient::OnText(std::string_view text) {
  heard_at_ = Now();
  ping_sent_ = false;
  const std::string_view body = TakeBody(text);
  if (!body.empty()) text = head_.assign(text).append("}");
  std::array<unsigned char, 2048> memory;
  json::monotonic_resource resource(memory.data(), memory.size());
  boost::system::error_code error;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), error, &resource);
  if (error || !value.is_object()) {
    counts_.surprises.emplace_back(text.substr(0, 200));
    return;
  }
  const json::object& event = value.get_object();
  const std::string_view kind = TextOf(event, "event");
  if (kind == "message") {
    OnMessage(event, body.empty() ? TextOf(event, "message") : body);
  } else if (kind == "ok") {
    OnOk(event);
  } else if (kind == "gap") {
    OnGap(event);
  } else if (kind == "error") {
    OnError(event);
  } else if (kind == "welcome") {
    OnWelcome(event);
  } else if (kind == "bye") {
    OnBye(event);
  } else if (kind != "pong" && kind != "service") {
    Surprise("unknown event", event);
  }
}

void SwarmClient::OnWelcome(const json::object& event) {
  welcomed_ = true;
  ++counts_.connects;
  edge_ = TextOf(event, "server");
  reconnect_window_ = WindowOf(event).value_or(kReconnectWindow);
  if (const std::uint64_t interval = NumberOf(event, "ping_interval_ms"); interval != 0) {
    ping_interval_ = milliseconds(interval);
  }
  if (memberships_.empty()) attempts_ = 0;
  for (Membership& membership : memberships_) Join(membership);
  for (Pending& publication : unanswered_) SendPublication(publication);
}

void SwarmClient::Join(Membership& membership) {
  membership.join_again_at.reset();
  membership.join_id = ++last_command_;
  std::string command = R"({"id":)" + std::to_string(membership.join_id) +
                        R"(,"cmd":"add_group","group_id":)" + support::Quoted(membership.log.group);
  if (const std::optional<Position>& since = membership.place.position()) {
    command += R"(,"since":{"epoch":)" + support::Quoted(context_.epochs.NameOf(since->epoch)) +
               R"(,"offset":)" + std::to_string(since->offset) + "}";
  }
  connection_->Send(command + "}");
}

void SwarmClient::OnOk(const json::object& event) {
  const auto id = static_cast<std::int64_t>(NumberOf(event, "id"));
  const Position at{context_.epochs.NumberOf(TextOf(event, "epoch")), NumberOf(event, "offset")};
  for (Membership& membership : memberships_) {
    if (membership.join_id != id) continue;
    if (membership.joined) return Surprise("a join answered twice", event);
    MemberEvent entry;
    entry.kind =
        membership.place.position() ? MemberEvent::Kind::kResumed : MemberEvent::Kind::kJoined;
    entry.recovered = IsTrue(event, "recovered");
    entry.at = at;
    entry.when = heard_at_;
    membership.log.events.push_back(entry);
    membership.joined = true;
    if (membership.place.position()) {
      ++counts_.resumes;
    } else {
      membership.place.MoveTo(at);
    }
    if (joined()) attempts_ = 0;
    return;
  }
  const auto answered =
      std::find_if(unanswered_.begin(), unanswered_.end(),
                   [id](const Pending& publication) { return publication.command_id == id; });
  if (answered == unanswered_.end()) return Surprise("nothing to answer", event);
  context_.publications.OnAcknowledged(answered->id, at, IsTrue(event, "duplicate"));
  unanswered_.erase(answered);
}

SwarmClient::Membership* SwarmClient::Find(const json::object& event) {
  const std::string_view group = TextOf(event, "group_id");
  for (Membership& membership : memberships_) {
    if (membership.log.group == group && membership.place.position()) return &membership;
  }
  return nullptr;
}

void SwarmClient::OnMessage(const json::object& event, std::string_view body) {
  Membership* const membership = Find(event);
  if (membership == nullptr) return Surprise("not a member", event);
  if (!membership->joined) Surprise("before the answer to the join", event);
  MemberEvent message;
  message.at = {context_.epochs.NumberOf(TextOf(event, "epoch")), NumberOf(event, "offset")};
  message.previous = NumberOf(event, "previous_offset");
  message.id = ParseBody(body);
  message.when = heard_at_;
  message.dropped = IsRepeat(*membership, event);
  membership->log.events.push_back(message);
  // It goes on behind a hole: the log has it, and the checker judges.
  const support::Arrival arrival = membership->place.OnMessage(message.at, message.previous);
  if (arrival != support::Arrival::kDuplicate) membership->place.MoveTo(message.at);
}

bool SwarmClient::IsRepeat(Membership& membership, const json::object& event) {
  const std::string key(TextOf(event, "key"));
  if (key.empty()) return false;
  if (!membership.keys.insert(key).second) return true;
  membership.keys_in_order.push_back(key);
  if (membership.keys_in_order.size() > kKeysMax) {
    membership.keys.erase(membership.keys_in_order.front());
    membership.keys_in_order.pop_front();
  }
  return false;
}

void SwarmClient::OnGap(const json::object& event) {
  Membership* const membership = Find(event);
  if (membership == nullptr) return Surprise("not a member", event);
  MemberEvent gap;
  gap.kind = MemberEvent::Kind::kGap;
  gap.reason = ReasonOf(TextOf(event, "reason"));
  gap.at = {context_.epochs.NumberOf(TextOf(event, "epoch")), NumberOf(event, "before")};
  gap.previous = NumberOf(event, "after");
  gap.when = heard_at_;
  if (gap.reason == GapReason::kUnknown) Surprise("unknown reason", event);
  membership->log.events.push_back(gap);
  membership->place.OnGap(gap.at, /*back=*/false);
}

void SwarmClient::OnError(const json::object& event) {
  const auto id = static_cast<std::int64_t>(NumberOf(event, "id"));
  if (!IsTrue(event, "retryable")) return Surprise("not retryable", event);
  ++counts_.retryable_errors;
  const Time again_at = heard_at_ + milliseconds(NumberOf(event, "retry_ms"));
  for (Membership& membership : memberships_) {
    if (membership.join_id != id) continue;
    membership.join_again_at = again_at;
    return;
  }
  const auto refused =
      std::find_if(unanswered_.begin(), unanswered_.end(),
                   [id](const Pending& publication) { return publication.command_id == id; });
  if (refused != unanswered_.end()) {
    if (refused->key.empty()) {
      unanswered_.erase(refused);
    } else {
      refused->again_at = again_at;
      context_.publications.OnSentAgain(refused->id);
    }
    return;
  }
  Surprise("an error for nothing", event);
}

void SwarmClient::OnBye(const json::object& event) {
  bye_ = true;
  ++counts_.byes;
  reconnect_window_ = WindowOf(event).value_or(kReconnectWindow);
}

void SwarmClient::SendNew(Time now) {
  const std::chrono::nanoseconds interval(static_cast<std::int64_t>(1e9 / plan_->per_second));
  while (now >= next_send_) {
    // A client that may not send now does not make up for it later.
    next_send_ = std::max(next_send_ + interval, now - std::chrono::milliseconds(100));
    if (unanswered_.size() >= plan_->unanswered_max || (!plan_->keyed && !welcomed_)) continue;
    Pending publication;
    publication.id = {plan_->sender, ++last_number_};
    publication.group = plan_->groups[context_.random() % plan_->groups.size()];
    if (plan_->keyed) {
      publication.key = MakeKey(context_.random);
      context_.publications.OnSent(publication.id, publication.group);
    } else {
      context_.publications.OnSentUnkeyed(publication.id, publication.group,
                                          static_cast<std::uint32_t>(counts_.connects));
    }
    unanswered_.push_back(std::move(publication));
    if (welcomed_) SendPublication(unanswered_.back());
  }
}

void SwarmClient::SendPublication(Pending& publication) {
  publication.again_at.reset();
  publication.command_id = ++last_command_;
  connection_->Send(R"({"id":)" + std::to_string(publication.command_id) +
                    R"(,"cmd":"send_to_group","group_id":)" + support::Quoted(publication.group) +
                    R"(,"message":")" + BodyOf(publication.id, plan_->body_bytes) + '"' +
                    (publication.key.empty() ? "" : R"(,"key":")" + publication.key + '"') + "}");
}

void SwarmClient::Surprise(std::string_view what, const json::object& event) {
  counts_.surprises.push_back(options_.name + ": " + std::string(what) + ": " +
                              json::serialize(event).substr(0, 200));
}

std::string SwarmClient::Unanswered() const {
  if (away_ || unanswered_.empty()) return "";
  return options_.name + " has no answer for " + std::to_string(unanswered_.size()) +
         " publications (connected to " + (welcomed_ ? edge_ : "none") + ")";
}

std::string SwarmClient::Behind(const std::map<std::string, Position>& heads) const {
  if (away_) return "";
  for (const Membership& membership : memberships_) {
    const auto head = heads.find(membership.log.group);
    if (head == heads.end()) continue;
    const std::optional<Position>& at = membership.place.position();
    if (!at || *at < head->second) {
      return options_.name + " in " + membership.log.group + " is at " +
             (at ? std::to_string(at->offset) : "none") + ", the head is " +
             std::to_string(head->second.offset) + " (connected to " +
             (membership.joined ? edge_ : "none") + ")";
    }
  }
  return "";
}

std::vector<MemberLog> SwarmClient::TakeLogs() {
  std::vector<MemberLog> logs;
  for (Membership& membership : memberships_) logs.push_back(std::move(membership.log));
  return logs;
}

std::vector<MemberLog> SwarmClient::CutLogs() {
  std::vector<MemberLog> logs = TakeLogs();
  for (std::size_t i = 0; i < logs.size(); ++i) {
    MemberLog& next = memberships_[i].log;
    next = {logs[i].name, logs[i].group, {}};
    MemberEvent here;
    here.kind = MemberEvent::Kind::kJoined;
    here.at = memberships_[i].place.position().value_or(Position());
    here.when = Now();
    if (memberships_[i].place.position()) next.events.push_back(here);
  }
  return logs;
}

}  // namespace faults
