#include "channel_service/rpc/publish_stream_call.h"

#include <string>
#include <string_view>
#include <utility>

#include "channel_service/handlers/convert.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/handlers/validate.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/publish_answers.h"
#include "channel_service/rpc/request_entries.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/stream_call.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// Answers that are known and whose turn it is (PublishAnswers) go out in one message at the end of
// a turn. While kStreamAnswersMax wait (the client does not take them, or the log is slow) nothing
// more is read. A long request is published in slices. A stream that has ended still waits for what
// the engine has not answered.
class PublishStreamCall final : public StreamCall, public PublishWaiter {
 public:
  explicit PublishStreamCall(RpcContext& context)
      : StreamCall(context, "PublishStream", &AcceptPublishStream) {
    context.service.RequestPublishStream(&server_context(), stream(), &context.queue,
                                         &context.queue, on_accepted());
  }

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override {
    context().handlers.metrics.Count(outcome.code);
    answers_.Put(ticket, outcome, StatusOf(outcome.code));
    MarkForFlush();
  }

 private:
  ~PublishStreamCall() override = default;

  // The client sends no more; what was taken is answered.
  void OnHalfClose() override { End(absl::OkStatus()); }

  void OnRequest(grpc::ByteBuffer* bytes) override {
    v1::PublishStreamRequest rest;
    absl::Status status = entries_.Open(*bytes, &rest);
    bytes->Clear();
    if (status.ok()) {
      status = ValidatePublishStream(rest, first_request_, publisher_, answers_.any_order());
    }
    // The answers are released as they are taken.
    const size_t held = entries_.bytes() + entries_.count() * kHeldBytesPerAnswer;
    if (status.ok()) status = peer().Hold(held);
    if (!status.ok()) {
      entries_.Close();
      End(std::move(status));
      return;
    }
    if (std::exchange(first_request_, false)) {
      publisher_ = rest.publisher();
      if (rest.any_order()) answers_.SetAnyOrder();
    }
    if (others_wait() || PublishSome()) {
      StartSlices();
    } else {
      ReadOn();
    }
  }

  bool OnSlice() override {
    if (state() == State::kBroken) CloseRequest();  // nobody waits for the answers
    return PublishSome();
  }

  // Publishes the next publications of the request; returns whether more are left.
  bool PublishSome() {
    v1::PublishRequest publication;  // its memory is used again
    for (SliceClock clock;;) {
      const auto bytes = entries_.Next(v1::PublishStreamRequest::kPublicationsFieldNumber);
      if (!bytes.has_value() || !PublishOne(*bytes, &publication)) {
        CloseRequest();
        return false;
      }
      if (clock.IsOver(bytes->size())) return true;
    }
  }

  // Returns false if the bytes are no publication, and so the stream ends.
  bool PublishOne(std::string_view bytes, v1::PublishRequest* publication) {
    absl::Status status;
    const size_t bytes_max = context().handlers.limits.publish_request_bytes_max();
    if (bytes.size() > bytes_max) {
      publication->Clear();
      status = TooLongError("the publication", bytes.size(), bytes_max);
    } else if (ParseKnown(bytes, publication)) {
      status = ValidatePublish(*publication, publisher_, context().handlers.limits);
    } else {
      // Bad text is one publication's own fault; other bytes show that the client speaks another
      // contract.
      const auto& type = *publication->GetDescriptor();
      status = BadTextError(bytes, type);
      if (status.ok()) {
        End(NotARequestError(type));
        return false;
      }
    }
    Publish(*publication, std::move(status));
    return true;
  }

  void CloseRequest() {
    peer().Release(entries_.bytes());
    entries_.Close();
  }

  // `status`: what its validation gave.
  void Publish(const v1::PublishRequest& publication, absl::Status status) {
    if (status.ok() && answers_.any_order() && publication.sequence() == 0) {
      status = absl::InvalidArgumentError(
          "sequence is missing; a stream whose results come in any order needs it");
    }
    const uint64_t ticket = answers_.Expect(publication.sequence());
    if (status.ok()) {
      context().handlers.engine.StartPublish(
          ToPublishInput(publication, publisher_, peer().address()), this, ticket);
      return;
    }
    context().handlers.metrics.refused.Increment();
    answers_.Put(ticket, {}, std::move(status));
  }

  void ReadOn() {
    const bool may_read = !reading() && !waits_for_slice() && answers_.size() < kStreamAnswersMax;
    if (may_read && state() == State::kOpen) StartRead();
  }

  void OnFlush() override {
    if (state() == State::kBroken) {
      // Known answers are dropped; those of the engine are still waited for.
      size_t taken = 0;
      for (; answers_.has_ready(); ++taken) answers_.Take();
      peer().Release(taken * kHeldBytesPerAnswer);
    } else if (!writing()) {
      WriteAnswers();
    }
    ReadOn();
  }

  void WriteAnswers() {
    std::string results;
    size_t taken = 0;
    for (; answers_.has_ready() && results.size() < kBlockBytesMax; ++taken) {
      const PublishAnswers::Answer answer = answers_.Take();
      if (answer.error.ok()) {
        AppendPublished(context().handlers.engine.epoch(), answer.outcome.offset,
                        answer.outcome.code == PublishCode::kDuplicate, answer.sequence, &results);
      } else {
        v1::PublishResult result = ToPublishError(answer.error, answer.outcome.code);
        result.set_sequence(answer.sequence);
        AppendResult(result, &results);
      }
    }
    peer().Release(taken * kHeldBytesPerAnswer);
    if (!results.empty()) StartWrite(std::move(results));
  }

  bool WroteAll() const override { return answers_.size() == 0 && !waits_for_slice(); }

  RequestEntries entries_;     // of the request that is worked off; the peer holds its bytes
  bool first_request_ = true;  // no request has come yet
  std::string publisher_;
  PublishAnswers answers_;
};

}  // namespace

void AcceptPublishStream(RpcContext& context) { new PublishStreamCall(context); }

}  // namespace channel
