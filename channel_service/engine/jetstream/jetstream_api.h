// Questions about what the log's stream holds, one at a time, in the words of JetStream's API.
//
// Owned by the LogReader; loop thread only. Each has one call of `done`: with what NATS said, or
// with null if it did not answer, or did not know; who asks may try again. What is handed over is
// valid during the call only.
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

class JetStreamApi {
 public:
  // `on_other_stream`: the stream is gone, or another one has its name; maybe more than once.
  JetStreamApi(NatsRequests& requests, const Clock& clock, std::string stream, LogStream facts,
               std::function<void()> on_other_stream);

  struct Got {
    uint64_t offset = 0;  // 0: there is none
    std::string_view content = {};
  };
  using GotDone = absl::AnyInvocable<void(const Got*)>;
  // Asks any replica, which may be behind, for the first publication of a subject from an offset
  // on.
  void GetNext(const std::string& subject, uint64_t from, GotDone done);
  // These ask the stream's leader, or a server that believes to be it: for what stands at an
  // offset, known after `wait` at the latest; for a subject's first and last.
  void GetAt(uint64_t offset, SteadyTime::duration wait, GotDone done);
  void GetFirst(const std::string& subject, GotDone done);
  void GetLast(const std::string& subject, GotDone done);

  struct Info {
    uint64_t first = 0;  // offset of the oldest publication of any group
    uint64_t last = 0;
    uint64_t held = 0;  // publications of the subject
  };
  using InfoDone = absl::AnyInvocable<void(const Info*)>;
  // Asks the leader, too. It counts the publications of `subject`; none if that is empty, which
  // costs NATS less. Also looks whether the stream is still the one of `facts`.
  void GetInfo(const std::string& subject, InfoDone done);

  // Why JetStream did not know the last GetInfo's stream (jetstream_error.h); null: it may know.
  const char* fault() const { return fault_; }

 private:
  void AskWhyNobodyAnswers();
  void AskReplica(std::string question, GotDone done);
  void AskLeader(std::string question, GotDone done,
                 SteadyTime::duration wait = NatsRequests::kAnswerTimeout);
  bool IsOtherStream(const boost::json::value& info);

  NatsRequests& requests_;
  const Clock& clock_;
  const std::string stream_;
  const LogStream facts_;
  const std::function<void()> on_other_stream_;
  std::optional<SteadyTime> missing_since_;  // NATS says that there is no such stream
  SteadyTime leader_only_until_ = {};
  const char* fault_ = nullptr;
};

}  // namespace channel
