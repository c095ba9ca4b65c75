// Requests of NATS's JetStream API about the log's stream, one message or one answer at a time.
//
// The LogReader owns it; loop thread only. Each request has one call of `done`: with the reply, or
// with null if there was none in time, or the server did not know; the caller may try again. The
// reply is valid during the call only. Source of subjects and fields: NATS ADR-1 and
// ADR-31 (github.com/nats-io/nats-architecture-and-design).
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

struct StoredMessage {
  uint64_t sequence = 0;  // 0: the stream holds no such message
  std::string_view data = {};
};

struct StreamInfo {
  uint64_t first_sequence = 0;  // of the oldest message of any subject
  uint64_t last_sequence = 0;
  uint64_t subject_messages = 0;  // messages of the subject that was asked for
};

class JetStreamApi {
 public:
  // `on_other_stream`: the stream is gone, or another one has its name; may be called again.
  JetStreamApi(NatsRequests& requests, const Clock& clock, std::string stream, LogStream log,
               std::function<void()> on_other_stream);

  using MessageDone = absl::AnyInvocable<void(const StoredMessage*)>;
  // The first message of a subject from a sequence on, by any replica, which may be behind.
  void GetNext(const std::string& subject, uint64_t from, MessageDone done);
  // By the stream's leader, or a server that believes it leads: the message at a sequence, with a
  // reply within `wait`; a subject's first and last message.
  void GetMessage(uint64_t sequence, SteadyTime::duration wait, MessageDone done);
  void GetFirst(const std::string& subject, MessageDone done);
  void GetLast(const std::string& subject, MessageDone done);

  using InfoDone = absl::AnyInvocable<void(const StreamInfo*)>;
  // By the leader, too. Counts the messages of `subject`; of none if that is empty, which costs
  // NATS less. Also looks whether the stream is still the one that was opened.
  void GetStreamInfo(const std::string& subject, InfoDone done);

  // Why JetStream did not answer the last GetStreamInfo (jetstream_error.h); null: it did, or the
  // reason is not known.
  const char* error() const { return error_; }

 private:
  void OnStreamInfo(const std::string& subject, const NatsMessage* reply, InfoDone done);
  void AskWhyNobodyAnswers();
  void AskReplica(std::string request, MessageDone done);
  void AskLeader(std::string request, MessageDone done,
                 SteadyTime::duration wait = NatsRequests::kReplyTimeout);
  bool IsOtherStream(const boost::json::value& info);

  NatsRequests& requests_;
  const Clock& clock_;
  const std::string stream_;
  const LogStream log_;
  const std::function<void()> on_other_stream_;
  std::optional<SteadyTime>
      missing_since_;  // NATS has said since then that there is no such stream
  SteadyTime leader_only_until_ = {};
  const char* error_ = nullptr;
};

}  // namespace channel
