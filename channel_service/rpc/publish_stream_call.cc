#include "channel_service/rpc/publish_stream_call.h"

#include <string>
#include <utility>
#include <vector>

#include "channel_service/rpc/convert.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/publish_answers.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/stream_call.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// Answers that are known and whose turn it is (PublishAnswers) go out in one message at the end of
// a turn. While kStreamAnswersMax wait (the client does not take them, or the log is slow) nothing
// more is read. A stream that has ended still waits for what the engine has not answered.
class PublishStreamCall final : public StreamCall, public PublishWaiter {
 public:
  explicit PublishStreamCall(RpcContext& context)
      : StreamCall(context, "PublishStream", &AcceptPublishStream) {
    context.service.RequestPublishStream(&server_context(), stream(), &context.queue,
                                         &context.queue, on_accepted());
  }

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override {
    context().metrics.Count(outcome.code);
    answers_.Put(ticket, outcome, StatusOf(outcome.code));
    MarkForFlush();
  }

 private:
  ~PublishStreamCall() override = default;

  // The client sends no more; what was taken is answered.
  void OnHalfClose() override { End(absl::OkStatus()); }

  void OnRequest(grpc::ByteBuffer* bytes) override {
    absl::Status status = ParsePublishStream(bytes, &request_, &unparsed_);
    if (status.ok()) {
      status = ValidatePublishStream(request_, first_request_, publisher_, answers_.any_order());
    }
    if (!status.ok()) {
      End(std::move(status));
      return;
    }
    if (std::exchange(first_request_, false)) {
      publisher_ = request_.publisher();
      if (request_.any_order()) answers_.SetAnyOrder();
    }
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
    if (status.ok() && answers_.any_order() && publication.sequence() == 0) {
      status = absl::InvalidArgumentError(
          "sequence is missing; a stream whose results come in any order needs it");
    }
    const uint64_t ticket = answers_.Expect(publication.sequence());
    if (status.ok()) {
      context().engine.StartPublish(ToPublishInput(publication, publisher_), this, ticket);
      return;
    }
    context().metrics.refused.Increment();
    answers_.Put(ticket, {}, std::move(status));
  }

  void ReadOn() {
    if (!reading() && state() == State::kOpen && answers_.size() < kStreamAnswersMax) StartRead();
  }

  void OnFlush() override {
    if (state() == State::kBroken) {
      // Known answers are dropped; those of the engine are still waited for.
      while (answers_.has_ready()) answers_.Take();
    } else if (!writing()) {
      WriteAnswers();
    }
    ReadOn();
  }

  void WriteAnswers() {
    std::string results;
    while (answers_.has_ready() && results.size() < kBlockBytesMax) {
      const PublishAnswers::Answer answer = answers_.Take();
      if (answer.error.ok()) {
        AppendPublished(context().engine.epoch(), answer.outcome.offset,
                        answer.outcome.code == PublishCode::kDuplicate, answer.sequence, &results);
      } else {
        v1::PublishResult result = ToPublishError(answer.error, answer.outcome.code);
        result.set_sequence(answer.sequence);
        AppendResult(result, &results);
      }
    }
    if (!results.empty()) StartWrite(std::move(results));
  }

  bool WroteAll() const override { return answers_.size() == 0; }

  v1::PublishStreamRequest request_;
  std::vector<UnparsedPublication> unparsed_;  // of request_
  bool first_request_ = true;                  // no request has come yet
  std::string publisher_;
  PublishAnswers answers_;
};

}  // namespace

void AcceptPublishStream(RpcContext& context) { new PublishStreamCall(context); }

}  // namespace channel
