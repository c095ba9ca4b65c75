#include "channel_service/rpc/publish_stream_call.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "channel_service/base/check.h"
#include "channel_service/base/strings.h"
#include "channel_service/rpc/completion_loop.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/byte_buffer.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// One stream. Owns itself: destroyed when the stream was finished, nothing of it is outstanding in
// gRPC or in the engine, and it is not marked for a flush. Answers wait in a queue in the order of
// the requests; those that are known at its front go out in one message at the end of a turn. While
// kStreamAnswersMax wait (the client does not take them) nothing more is read.
class PublishStreamCall final : public PublishWaiter, public Flushable, public OpenStream {
 public:
  explicit PublishStreamCall(RpcContext& context) : context_(context) {
    server_context_.AsyncNotifyWhenDone(&on_done_);
    context_.service.RequestPublishStream(&server_context_, &stream_, &context_.queue,
                                          &context_.queue, &on_accepted_);
  }

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override {
    CHANNEL_CHECK(ticket >= first_ticket_ && ticket - first_ticket_ < answers_.size());
    context_.metrics.Count(outcome.code);
    Answer& answer = answers_[ticket - first_ticket_];
    answer.known = true;
    answer.outcome = outcome;
    answer.error = StatusOf(outcome.code);
    --unanswered_;
    context_.flush_list.Mark(this);
  }

  void Drain() override { End(DrainingError()); }

 private:
  struct Answer {
    bool known = false;
    PublishOutcome outcome;
    absl::Status error;
  };

  ~PublishStreamCall() override = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    if (context_.accepting) AcceptPublishStream(context_);
    context_.open_streams.insert(this);
    done_outstanding_ = true;
    // The client learns from the metadata that the stream is up.
    write_outstanding_ = true;
    stream_.SendInitialMetadata(&on_written_);
    if (context_.draining) {
      End(DrainingError());
    } else if (context_.open_streams.size() > kOpenStreamsMax) {
      End(TooManyStreamsError());
    } else {
      StartRead();
    }
  }

  // Reads no more; the status goes out when all is answered. The first one counts.
  void End(absl::Status status) {
    if (!final_status_.has_value()) final_status_ = std::move(status);
    context_.flush_list.Mark(this);
  }

  void StartRead() {
    read_outstanding_ = true;
    stream_.Read(&request_buffer_, &on_read_);
  }

  void OnRead(bool ok) {
    read_outstanding_ = false;
    if (!ok || final_status_.has_value()) {
      // The client has no more to say; what was taken is answered.
      End(absl::OkStatus());
      return;
    }
    absl::Status status = ParsePublishStream(&request_buffer_, &request_, &unparsed_);
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
      Publish(publication, parsed ? ValidatePublish(publication, publisher_, context_.limits)
                                  : std::move(unparsed++->status));
    }
    ReadOn();
  }

  // `status`: what its validation gave.
  void Publish(const v1::PublishRequest& publication, absl::Status status) {
    const uint64_t ticket = first_ticket_ + answers_.size();
    answers_.emplace_back();
    if (status.ok()) {
      ++unanswered_;
      context_.engine.StartPublish(ToPublishInput(publication, publisher_), this, ticket);
      return;
    }
    context_.metrics.refused.Increment();
    answers_.back().known = true;
    answers_.back().error = std::move(status);
    context_.flush_list.Mark(this);
  }

  void ReadOn() {
    if (!read_outstanding_ && !final_status_.has_value() && answers_.size() < kStreamAnswersMax) {
      StartRead();
    }
  }

  void OnWritten(bool ok) {
    write_outstanding_ = false;
    if (!ok) broken_ = true;
    context_.flush_list.Mark(this);
  }

  // The call is over: finished by us, or cancelled.
  void OnDone(bool) {
    done_outstanding_ = false;
    if (!finish_started_) broken_ = true;
    context_.flush_list.Mark(this);
  }

  void Flush() override {
    if (broken_) DropAnswers();
    if (!write_outstanding_ && !finish_started_) WriteOrFinish();
    ReadOn();
    const bool idle = finished_ && !read_outstanding_ && !write_outstanding_ && !done_outstanding_;
    if (idle && unanswered_ == 0) {
      context_.open_streams.erase(this);
      delete this;
    }
  }

  // Answers of a broken stream reach nobody; those of the engine are still waited for.
  void DropAnswers() {
    if (!final_status_.has_value()) final_status_ = absl::CancelledError();
    while (!answers_.empty() && answers_.front().known) PopAnswer();
  }

  void WriteOrFinish() {
    std::string results;
    while (!answers_.empty() && answers_.front().known && results.size() < kBlockBytesMax) {
      Append(answers_.front(), &results);
      PopAnswer();
    }
    if (!results.empty()) {
      write_outstanding_ = true;
      stream_.Write(ToByteBuffer(std::move(results)), &on_written_);
    } else if (final_status_.has_value() && answers_.empty()) {
      finish_started_ = true;
      stream_.Finish(ToGrpc(*final_status_), &on_finished_);
    }
  }

  void Append(const Answer& answer, std::string* results) {
    if (answer.error.ok()) {
      AppendPublished(context_.engine.epoch(), answer.outcome.offset,
                      answer.outcome.code == PublishCode::kDuplicate, results);
      return;
    }
    v1::PublishResult result;
    result.mutable_error()->set_code(static_cast<int32_t>(answer.error.code()));
    result.mutable_error()->set_message(std::string(MessageOf(answer.error)));
    result.mutable_error()->set_retryable(answer.outcome.code == PublishCode::kOverloaded ||
                                          absl::IsUnavailable(answer.error));
    AppendResult(result, results);
  }

  void PopAnswer() {
    answers_.pop_front();
    ++first_ticket_;
  }

  void OnFinished(bool) {
    finished_ = true;
    context_.flush_list.Mark(this);
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_buffer_;
  v1::PublishStreamRequest request_;
  std::vector<UnparsedPublication> unparsed_;  // of request_
  bool first_request_ = true;                  // the next one is
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&server_context_};
  std::string publisher_;
  std::deque<Answer> answers_;
  uint64_t first_ticket_ = 0;  // of answers_.front()
  size_t unanswered_ = 0;      // publications that the engine has not answered
  std::optional<absl::Status>
      final_status_;  // set: read no more, finish with it when all is answered
  bool read_outstanding_ = false;
  bool write_outstanding_ = false;
  bool done_outstanding_ = false;
  bool broken_ = false;
  bool finish_started_ = false;
  bool finished_ = false;
  MemberEvent<PublishStreamCall, &PublishStreamCall::OnAccepted> on_accepted_{this};
  MemberEvent<PublishStreamCall, &PublishStreamCall::OnRead> on_read_{this};
  MemberEvent<PublishStreamCall, &PublishStreamCall::OnWritten> on_written_{this};
  MemberEvent<PublishStreamCall, &PublishStreamCall::OnDone> on_done_{this};
  MemberEvent<PublishStreamCall, &PublishStreamCall::OnFinished> on_finished_{this};
};

}  // namespace

void AcceptPublishStream(RpcContext& context) { new PublishStreamCall(context); }

}  // namespace channel
