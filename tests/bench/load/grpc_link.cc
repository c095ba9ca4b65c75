#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/grpc_subscriber.h"

namespace channel::bench {
namespace {

// The subscribers of both ways to publish.
class GrpcLink : public PubsubLink {
 public:
  GrpcLink(const PubsubLoad& load, PubsubLedger& ledger)
      : load_(load),
        ledger_(ledger),
        groups_(load.GroupNames()),
        stub_(v1::ChannelService::NewStub(ConnectAlone(load.address))) {
    for (uint32_t i = 0; i < load.subscribers; ++i) {
      subscribers_.emplace_back(
          load.address, groups_, queue_,
          [this, i](std::string_view group, std::string_view message, int64_t now) {
            ledger_.OnDelivered(i, group, message, now);
          });
    }
  }

  void Await(uint64_t done) override {
    while (ledger_.done() < done) queue_.MustStep("answers or deliveries");
  }
  void Rest(int64_t time) override {
    while (queue_.Step(time)) {
    }
  }

 protected:
  const PubsubLoad load_;
  PubsubLedger& ledger_;
  const std::vector<std::string> groups_;
  CallQueue queue_;
  const std::unique_ptr<v1::ChannelService::Stub> stub_;

 private:
  std::deque<GrpcSubscriber> subscribers_;  // stable addresses
};

class StreamLink final : public GrpcLink, private Call {
 public:
  StreamLink(const PubsubLoad& load, PubsubLedger& ledger) : GrpcLink(load, ledger) {
    // Unique: the stream remembers the sequences of the run before.
    request_.set_publisher("bench-" + std::to_string(getpid()) + "-" +
                           std::to_string(Now(CLOCK_REALTIME) / kMillisecond));
    call_ = stub_->PrepareAsyncPublishStream(&context_, queue_.get());
    call_->StartCall(Tag(kStarted));
  }

  void Send(uint32_t count) override {
    while (!writable_) queue_.MustStep("the end of a write");
    for (uint32_t i = 0; i < count; ++i) {
      v1::PublishRequest& publication = *request_.add_publications();
      publication.mutable_message()->resize(load_.bytes);
      const uint32_t sender = ledger_.WriteNext(publication.mutable_message()->data());
      publication.set_group_id(groups_[load_.GroupOf(sender)]);
      publication.set_sequence(ledger_.sent());
    }
    writable_ = false;
    call_->Write(request_, Tag(kWritten));
    request_.Clear();
  }

 private:
  void On(Step step, bool ok) override {
    if (!ok) Die("the publisher's stream ended");
    if (step != kRead) writable_ = true;
    if (step == kRead) TakeResults();
    if (step != kWritten) call_->Read(&response_, Tag(kRead));
  }

  void TakeResults() {
    for (const v1::PublishResult& result : response_.results()) {
      if (result.has_error()) Die("refused: " + result.error().message());
      if (result.published().duplicate()) Die("a publication was taken for a duplicate");
      ledger_.OnNextAcknowledged();
    }
  }

  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>>
      call_;
  v1::PublishStreamRequest request_;
  v1::PublishStreamResponse response_;
  bool writable_ = false;
};

class UnaryLink final : public GrpcLink {
 public:
  UnaryLink(const PubsubLoad& load, PubsubLedger& ledger) : GrpcLink(load, ledger) {
    for (uint32_t sender = 0; sender < load.senders; ++sender) callers_.emplace_back(*this, sender);
  }

  void Send(uint32_t count) override {
    for (uint32_t i = 0; i < count; ++i) {
      while (idle_.empty()) queue_.MustStep("the end of a call");
      Caller* const caller = idle_.front();
      idle_.pop_front();
      caller->Start();
    }
  }

 private:
  // One call after the other.
  class Caller final : public Call {
   public:
    Caller(UnaryLink& link, uint32_t sender) : link_(link), sender_(sender) {
      request_.set_group_id(link.groups_[link.load_.GroupOf(sender)]);
      request_.mutable_message()->resize(link.load_.bytes);
      link.idle_.push_back(this);
    }

    void Start() {
      context_ = std::make_unique<grpc::ClientContext>();
      start_ = link_.ledger_.Write(sender_, request_.mutable_message()->data());
      call_ = link_.stub_->AsyncPublish(context_.get(), request_, link_.queue_.get());
      call_->Finish(&response_, &status_, Tag(kFinished));
    }

    void On(Step, bool) override {
      if (!status_.ok() || response_.duplicate() || response_.position().offset() == 0) {
        Die("Publish failed: " + status_.error_message());
      }
      link_.ledger_.OnAcknowledged(start_);
      link_.idle_.push_back(this);
    }

   private:
    UnaryLink& link_;
    const uint32_t sender_;
    v1::PublishRequest request_;
    v1::PublishResponse response_;
    grpc::Status status_;
    std::unique_ptr<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::PublishResponse>> call_;
    int64_t start_ = 0;
  };

  std::deque<Caller*> idle_;
  std::deque<Caller> callers_;  // stable addresses
};

}  // namespace

std::unique_ptr<PubsubLink> MakeStreamLink(const PubsubLoad& load, PubsubLedger& ledger) {
  return std::make_unique<StreamLink>(load, ledger);
}

std::unique_ptr<PubsubLink> MakeUnaryLink(const PubsubLoad& load, PubsubLedger& ledger) {
  return std::make_unique<UnaryLink>(load, ledger);
}

}  // namespace channel::bench
