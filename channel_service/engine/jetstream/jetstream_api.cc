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
constexpr int kNobodyAnswers = 503;
constexpr int kNoMessage = 10037;  // JSNoMessageFoundErr of nats-server

// A replica that does not answer (frozen, not dead: NATS notices after minutes) is asked again and
// again by NATS, which picks one for each question. For so long only the leader is asked.
constexpr std::chrono::seconds kLeaderOnlyTime{30};

// A cluster that has just started says of streams that they are not there.
constexpr std::chrono::seconds kMissingPatience{15};

// The answer's object; null if it is none.
json::value Parse(const NatsMessage& answer) {
  json::error_code error;
  const std::string_view data = answer.data();
  json::value value = json::parse({data.data(), data.size()}, error);
  return error || !value.is_object() ? json::value() : value;
}

// A number at a path of names; nothing if there is none.
std::optional<uint64_t> NumberAt(const json::value& value, std::string_view path) {
  json::error_code error;
  const json::value* const found = value.find_pointer({path.data(), path.size()}, error);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->to_number<uint64_t>(error);
}

// Base64 at a path; NATS leaves out what is empty.
std::string BytesAt(const json::value& value, std::string_view path) {
  json::error_code error;
  const json::value* const found = value.find_pointer({path.data(), path.size()}, error);
  if (found == nullptr || !found->is_string()) return "";
  const json::string& text = found->get_string();
  std::string bytes;
  absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes);
  return bytes;
}

std::string Question(const json::object& fields) { return json::serialize(fields); }

json::string_view ToJson(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

JetStreamApi::JetStreamApi(NatsRequests& requests, const Clock& clock, std::string stream,
                           LogStream facts, std::function<void()> on_other_stream)
    : requests_(requests),
      clock_(clock),
      stream_(std::move(stream)),
      facts_(std::move(facts)),
      on_other_stream_(std::move(on_other_stream)) {}

void JetStreamApi::GetNext(const std::string& subject, uint64_t from, GotDone done) {
  AskReplica(Question({{"seq", from}, {"next_by_subj", subject}}), std::move(done));
}

void JetStreamApi::GetAt(uint64_t offset, SteadyTime::duration wait, GotDone done) {
  AskLeader(Question({{"seq", offset}}), std::move(done),
            std::min<SteadyTime::duration>(wait, NatsRequests::kAnswerTimeout));
}

void JetStreamApi::GetFirst(const std::string& subject, GotDone done) {
  AskLeader(Question({{"seq", 1}, {"next_by_subj", subject}}), std::move(done));
}

void JetStreamApi::GetLast(const std::string& subject, GotDone done) {
  AskLeader(Question({{"last_by_subj", subject}}), std::move(done));
}

void JetStreamApi::AskReplica(std::string question, GotDone done) {
  if (clock_.Now() < leader_only_until_) {
    AskLeader(std::move(question), std::move(done));
    return;
  }
  requests_.Ask("$JS.API.DIRECT.GET." + stream_, std::move(question),
                [this, done = std::move(done)](const NatsMessage* answer) mutable {
                  if (answer == nullptr) {
                    leader_only_until_ = clock_.Now() + kLeaderOnlyTime;
                    done(nullptr);
                    return;
                  }
                  const Got got{answer->sequence, answer->data()};
                  done(got.offset != 0 || answer->status == kNotFound ? &got : nullptr);
                });
}

void JetStreamApi::AskLeader(std::string question, GotDone done, SteadyTime::duration wait) {
  requests_.Ask(
      "$JS.API.STREAM.MSG.GET." + stream_, std::move(question),
      [done = std::move(done)](const NatsMessage* answer) mutable {
        const json::value value = answer == nullptr ? json::value() : Parse(*answer);
        const auto offset = NumberAt(value, "/message/seq");
        const std::string content = BytesAt(value, "/message/data");
        const Got got{offset.value_or(0), content};
        const bool known = offset.has_value() || NumberAt(value, "/error/err_code") == kNoMessage;
        done(known ? &got : nullptr);
      },
      {}, wait);
}

void JetStreamApi::GetInfo(const std::string& subject, InfoDone done) {
  requests_.Ask("$JS.API.STREAM.INFO." + stream_,
                subject.empty() ? "" : Question({{"subjects_filter", subject}}),
                [this, subject, done = std::move(done)](const NatsMessage* answer) mutable {
                  const json::value value = answer == nullptr ? json::value() : Parse(*answer);
                  if (answer != nullptr && answer->status == kNobodyAnswers) {
                    AskWhyNobodyAnswers();
                  } else if (!value.is_null()) {
                    fault_ = nullptr;
                  }
                  const bool other = IsOtherStream(value);
                  if (other) on_other_stream_();
                  const auto first = NumberAt(value, "/state/first_seq");
                  const auto last = NumberAt(value, "/state/last_seq");
                  if (other || !first.has_value() || !last.has_value()) {
                    done(nullptr);
                    return;
                  }
                  Info info{*first, *last, 0};
                  json::error_code error;
                  const json::value* const subjects = value.find_pointer("/state/subjects", error);
                  if (subjects != nullptr && subjects->is_object()) {
                    const json::value* const held =
                        subjects->as_object().if_contains(ToJson(subject));
                    if (held != nullptr) info.held = held->to_number<uint64_t>(error);
                  }
                  done(&info);
                });
}

void JetStreamApi::AskWhyNobodyAnswers() {
  requests_.Ask("$JS.API.INFO", "", [this](const NatsMessage* answer) {
    if (answer == nullptr) return;
    const auto error = NumberAt(Parse(*answer), "/error/err_code");
    if (answer->status == kNobodyAnswers || error == kJetStreamNotEnabled) {
      fault_ = kNoJetStream;
    } else if (error == kJetStreamNotEnabledForAccount) {
      fault_ = kNoJetStreamForAccount;
    }
  });
}

bool JetStreamApi::IsOtherStream(const json::value& info) {
  json::error_code error;
  if (info.find_pointer("/config", error) != nullptr) {
    missing_since_.reset();
    const json::value* const description = info.find_pointer("/config/description", error);
    return description == nullptr || !description->is_string() ||
           EpochIn(std::string(description->get_string())) != facts_.epoch;
  }
  if (NumberAt(info, "/error/code") != kNotFound) return false;
  if (!missing_since_.has_value()) missing_since_ = clock_.Now();
  return clock_.Now() - *missing_since_ >= kMissingPatience;
}

}  // namespace channel
