#include "channel_service/engine/jetstream/jetstream_api.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "channel_service/engine/jetstream/jetstream_error.h"

namespace channel {
namespace {

namespace json = boost::json;

constexpr int kNotFound = 404;
constexpr int kNoResponders = 503;
constexpr int kNoMessageFound = 10037;  // JSNoMessageFoundErr in nats-server's server/errors.json

// NATS picks a replica for each request, again and again also one that is frozen, which it notices
// after minutes only. After a request without a reply the leader alone is asked, for so long.
constexpr std::chrono::seconds kLeaderOnlyTime{30};

// A cluster that has just started denies its streams until it has recovered them.
constexpr std::chrono::seconds kMissingPatience{15};

// The JSON object of a reply; null if it is none.
json::value Parse(const NatsMessage& reply) {
  json::error_code error;
  const std::string_view data = reply.data();
  json::value value = json::parse({data.data(), data.size()}, error);
  return error || !value.is_object() ? json::value() : value;
}

// The number at a JSON pointer (RFC 6901).
std::optional<uint64_t> NumberAt(const json::value& value, std::string_view path) {
  json::error_code error;
  const json::value* const found = value.find_pointer({path.data(), path.size()}, error);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->to_number<uint64_t>(error);
}

// The bytes at a JSON pointer, decoded from base64; NATS leaves an empty field out.
std::string BytesAt(const json::value& value, std::string_view path) {
  json::error_code error;
  const json::value* const found = value.find_pointer({path.data(), path.size()}, error);
  if (found == nullptr || !found->is_string()) return "";
  const json::string& text = found->get_string();
  std::string bytes;
  absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes);
  return bytes;
}

json::string_view ToJson(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

JetStreamApi::JetStreamApi(NatsRequests& requests, const Clock& clock, std::string stream,
                           LogStream log, std::function<void()> on_other_stream)
    : requests_(requests),
      clock_(clock),
      stream_(std::move(stream)),
      log_(std::move(log)),
      on_other_stream_(std::move(on_other_stream)) {}

void JetStreamApi::GetNext(const std::string& subject, uint64_t from, MessageDone done) {
  AskReplica(json::serialize(json::object{{"seq", from}, {"next_by_subj", subject}}),
             std::move(done));
}

void JetStreamApi::GetMessage(uint64_t sequence, SteadyTime::duration wait, MessageDone done) {
  AskLeader(json::serialize(json::object{{"seq", sequence}}), std::move(done),
            std::min<SteadyTime::duration>(wait, NatsRequests::kReplyTimeout));
}

void JetStreamApi::GetFirst(const std::string& subject, MessageDone done) {
  AskLeader(json::serialize(json::object{{"seq", 1}, {"next_by_subj", subject}}), std::move(done));
}

void JetStreamApi::GetLast(const std::string& subject, MessageDone done) {
  AskLeader(json::serialize(json::object{{"last_by_subj", subject}}), std::move(done));
}

void JetStreamApi::AskReplica(std::string request, MessageDone done) {
  if (clock_.Now() < leader_only_until_) {
    AskLeader(std::move(request), std::move(done));
    return;
  }
  requests_.Send("$JS.API.DIRECT.GET." + stream_, std::move(request),
                 [this, done = std::move(done)](const NatsMessage* reply) mutable {
                   if (reply == nullptr) {
                     leader_only_until_ = clock_.Now() + kLeaderOnlyTime;
                     done(nullptr);
                     return;
                   }
                   const StoredMessage message{reply->sequence, reply->data()};
                   const bool known = message.sequence != 0 || reply->status == kNotFound;
                   done(known ? &message : nullptr);
                 });
}

void JetStreamApi::AskLeader(std::string request, MessageDone done, SteadyTime::duration wait) {
  requests_.Send(
      "$JS.API.STREAM.MSG.GET." + stream_, std::move(request),
      [done = std::move(done)](const NatsMessage* reply) mutable {
        const json::value value = reply == nullptr ? json::value() : Parse(*reply);
        const auto sequence = NumberAt(value, "/message/seq");
        const std::string data = BytesAt(value, "/message/data");
        const StoredMessage message{sequence.value_or(0), data};
        const bool known =
            sequence.has_value() || NumberAt(value, "/error/err_code") == kNoMessageFound;
        done(known ? &message : nullptr);
      },
      {}, wait);
}

void JetStreamApi::GetStreamInfo(const std::string& subject, InfoDone done) {
  std::string request;
  if (!subject.empty()) request = json::serialize(json::object{{"subjects_filter", subject}});
  requests_.Send("$JS.API.STREAM.INFO." + stream_, std::move(request),
                 [this, subject, done = std::move(done)](const NatsMessage* reply) mutable {
                   OnStreamInfo(subject, reply, std::move(done));
                 });
}

void JetStreamApi::OnStreamInfo(const std::string& subject, const NatsMessage* reply,
                                InfoDone done) {
  const json::value value = reply == nullptr ? json::value() : Parse(*reply);
  if (reply != nullptr && reply->status == kNoResponders) {
    AskWhyNobodyAnswers();
  } else if (!value.is_null()) {
    error_ = nullptr;
  }
  const bool other = IsOtherStream(value);
  if (other) on_other_stream_();
  const auto first = NumberAt(value, "/state/first_seq");
  const auto last = NumberAt(value, "/state/last_seq");
  if (other || !first.has_value() || !last.has_value()) {
    done(nullptr);
    return;
  }
  StreamInfo info{*first, *last, 0};
  json::error_code error;
  const json::value* const subjects = value.find_pointer("/state/subjects", error);
  if (subjects != nullptr && subjects->is_object()) {
    const json::value* const messages = subjects->as_object().if_contains(ToJson(subject));
    if (messages != nullptr) info.subject_messages = messages->to_number<uint64_t>(error);
  }
  done(&info);
}

void JetStreamApi::AskWhyNobodyAnswers() {
  requests_.Send("$JS.API.INFO", "", [this](const NatsMessage* reply) {
    if (reply == nullptr) return;
    const auto code = NumberAt(Parse(*reply), "/error/err_code");
    if (reply->status == kNoResponders || code == kJetStreamNotEnabled) {
      error_ = kNoJetStream;
    } else if (code == kJetStreamNotEnabledForAccount) {
      error_ = kNoJetStreamForAccount;
    }
  });
}

bool JetStreamApi::IsOtherStream(const json::value& info) {
  json::error_code error;
  if (info.find_pointer("/config", error) != nullptr) {
    missing_since_.reset();
    const json::value* const description = info.find_pointer("/config/description", error);
    return description == nullptr || !description->is_string() ||
           EpochIn(std::string(description->get_string())) != log_.epoch;
  }
  if (NumberAt(info, "/error/code") != kNotFound) return false;
  if (!missing_since_.has_value()) missing_since_ = clock_.Now();
  return clock_.Now() - *missing_since_ >= kMissingPatience;
}

}  // namespace channel
