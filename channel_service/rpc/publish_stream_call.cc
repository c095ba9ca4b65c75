#include "channel_service/rpc/publish_stream_call.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "channel_service/base/check.h"
#include "channel_service/rpc/convert.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/stream_call.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// Answers wait in a queue in the order of the requests; those that are known at its front go out in
// one message at the end of a turn. While kStreamAnswersMax wait (the client does not take them)
// nothing more is read. A stream that has ended still waits for what the engine has not answered.
class PublishStreamCall final : public StreamCall, public PublishWaiter {
 public:
  explicit PublishStreamCall(RpcContext& context)
      : StreamCall(context, "PublishStream", &AcceptPublishStream) {
    context.service.RequestPublishStream(&server_context(), stream(), &context.queue,
                                         &context.queue, on_accepted());
  }

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override {
    CHANNEL_CHECK(ticket >= first_ticket_ && ticket - first_ticket_ < answers_.size());
    context().metrics.Count(outcome.code);
    Answer& answer = answers_[ticket - first_ticket_];
    answer.known = true;
    answer.outcome = outcome;
    answer.error = StatusOf(outcome.code);
    MarkForFlush();
  }

 private:
  struct Answer {
    bool known = false;
    PublishOutcome outcome;
    absl::Status error;
  };

  ~PublishStreamCall() override = default;

  // The client sends no more; what was taken is answered.
  void OnHalfClose() override { End(absl::OkStatus()); }

  void OnRequest(grpc::ByteBuffer* bytes) override {
    absl::Status status = ParsePublishStream(bytes, &request_, &unparsed_);
    if (status.ok()) status = ValidatePublishStream(request_, first_request_, publisher_);
    if (!status.ok()) {
      End(std::move(status));
      return;
    }
    if (std::exchange(first_request_, false)) publisher_ = request_.publisher();
    auto unparsed = unparsed_.begin();
    for (int i = 0; i < request_.publications_size(); ++i) {
      const bool parsed = unparsed == unparsed_.end() || unparsed->index != i;
      const v1::PublishRequest& publication = request_.publications(i);
      Publish(publication, parsed ? ValidatePublish(publication, publisher_, context().limits)
                                  : std::move(unparsed++->status));
    }
    ReadOn();
  }

  // `status`: what its validation gave.
  void Publish(const v1::PublishRequest& publication, absl::Status status) {
    const uint64_t ticket = first_ticket_ + answers_.size();
    answers_.emplace_back();
    if (status.ok()) {
      context().engine.StartPublish(ToPublishInput(publication, publisher_), this, ticket);
      return;
    }
    context().metrics.refused.Increment();
    answers_.back().known = true;
    answers_.back().error = std::move(status);
  }

  void ReadOn() {
    if (!reading() && state() == State::kOpen && answers_.size() < kStreamAnswersMax) StartRead();
  }

  void OnFlush() override {
    if (state() == State::kBroken) {
      // Known answers are dropped; those of the engine are still waited for.
      while (HasKnownAnswer()) PopAnswer();
    } else if (!writing()) {
      WriteAnswers();
    }
    ReadOn();
  }

  void WriteAnswers() {
    std::string results;
    while (HasKnownAnswer() && results.size() < kBlockBytesMax) {
      Append(answers_.front(), &results);
      PopAnswer();
    }
    if (!results.empty()) StartWrite(std::move(results));
  }

  void Append(const Answer& answer, std::string* results) {
    if (answer.error.ok()) {
      AppendPublished(context().engine.epoch(), answer.outcome.offset,
                      answer.outcome.code == PublishCode::kDuplicate, results);
    } else {
      AppendResult(ToPublishError(answer.error, answer.outcome.code), results);
    }
  }

  bool HasKnownAnswer() const { return !answers_.empty() && answers_.front().known; }

  void PopAnswer() {
    answers_.pop_front();
    ++first_ticket_;
  }

  bool WroteAll() const override { return answers_.empty(); }

  v1::PublishStreamRequest request_;
  std::vector<UnparsedPublication> unparsed_;  // of request_
  bool first_request_ = true;                  // no request has come yet
  std::string publisher_;
  std::deque<Answer> answers_;
  uint64_t first_ticket_ = 0;  // of answers_.front()
};

}  // namespace

void AcceptPublishStream(RpcContext& context) { new PublishStreamCall(context); }

}  // namespace channel
