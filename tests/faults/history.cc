#include "tests/faults/history.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tests/support/deadline.h"

namespace faults {
namespace {

constexpr std::array kReasons{"retention", "epoch", "overload", "unknown"};  // in GapReason's order

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv).
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

bool TakeNumber(std::string_view& text, std::uint32_t& number) {
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || next == end || *next != ':') return false;
  text.remove_prefix(static_cast<std::size_t>(next - text.data()) + 1);
  return true;
}

}  // namespace

const char* Text(GapReason reason) { return kReasons[static_cast<std::size_t>(reason)]; }

GapReason ReasonOf(std::string_view text) {
  const auto* const found = std::find(kReasons.begin(), kReasons.end() - 1, text);
  return static_cast<GapReason>(found - kReasons.begin());
}

std::string BodyOf(MessageId id, std::size_t bytes_min) {
  std::string body = std::to_string(id.sender) + ":" + std::to_string(id.number) + ":";
  body += std::to_string(HashOf(body)) + ":";
  if (body.size() < bytes_min) body.resize(bytes_min, 'p');
  return body;
}

std::optional<MessageId> ParseBody(std::string_view text) {
  MessageId id;
  std::string_view rest = text;
  if (!TakeNumber(rest, id.sender) || !TakeNumber(rest, id.number)) return std::nullopt;
  if (text != BodyOf(id, text.size())) return std::nullopt;
  return id;
}

std::string_view TakeBody(std::string_view& json) {
  constexpr std::string_view kField = R"(,"message":")";
  constexpr std::string_view kEnd = "\"}";
  // Inside a string a quote has a backslash before it, so these words are the field's.
  if (!json.starts_with(R"({"event":"message",)") || !json.ends_with(kEnd)) return "";
  const std::size_t at = json.find(kField);
  if (at == std::string_view::npos) return "";
  std::string_view body = json.substr(at + kField.size());
  body.remove_suffix(kEnd.size());
  json = json.substr(0, at);
  return body;
}

int EpochNumbers::NumberOf(std::string_view epoch) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(names_.rbegin(), names_.rend(), epoch);
  if (found != names_.rend()) return static_cast<int>(names_.rend() - found) - 1;
  names_.emplace_back(epoch);
  return static_cast<int>(names_.size()) - 1;
}

std::string EpochNumbers::NameOf(int number) const {
  const std::lock_guard lock(mutex_);
  return names_.at(static_cast<std::size_t>(number));
}

void PublicationLogs::OnSent(MessageId id, const std::string& group) {
  const std::lock_guard lock(mutex_);
  if (!index_.emplace(id, logs_.size()).second) throw support::TestFailure("an id used twice");
  PublicationLog log;
  log.id = id;
  log.group = group;
  log.sent = std::chrono::steady_clock::now();
  logs_.push_back(std::move(log));
}

void PublicationLogs::OnSentUnkeyed(MessageId id, const std::string& group,
                                    std::uint32_t connection) {
  OnSent(id, group);
  const std::lock_guard lock(mutex_);
  PublicationLog& log = logs_[index_.at(id)];
  log.keyed = false;
  log.connection = connection;
}

void PublicationLogs::OnSentAgain(MessageId id) {
  const std::lock_guard lock(mutex_);
  logs_[index_.at(id)].sent_again = true;
}

void PublicationLogs::OnAcknowledged(MessageId id, Position position, bool duplicate) {
  const std::lock_guard lock(mutex_);
  PublicationLog& log = logs_[index_.at(id)];
  if (!log.acknowledged) ++acknowledged_;
  log.acknowledged = true;
  log.duplicate = duplicate;
  log.position = position;
  log.answered = std::chrono::steady_clock::now();
  Position& head = heads_[log.group];
  head = std::max(head, position);
}

std::size_t PublicationLogs::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

std::map<std::string, Position> PublicationLogs::Heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

std::vector<PublicationLog> PublicationLogs::Copy() const {
  const std::lock_guard lock(mutex_);
  return logs_;
}

std::vector<PublicationLog> PublicationLogs::Take() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  return std::exchange(logs_, {});
}

}  // namespace faults
