// Loads the channel service for the engine figure: one PublishStream publishes to many groups, and
// one Subscribe stream holds all of them and checks every publication. Prints one line of JSON with
// the CPU time that the processes PID used.
//
//   bench_engine_load HOST:PORT FIRST_GROUP GROUPS TOGETHER IN_FLIGHT BYTES PUBLICATIONS
//   INTERVAL_US PID...
//
// See engine_run.h for the load. One thread on one completion queue.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/call_queue.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/engine_run.h"
#include "tests/bench/load/grpc_subscriber.h"

namespace channel::bench {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_engine_load: %s\n", why.c_str());
  std::exit(1);
}

class Publisher final : public Call {
 public:
  Publisher(const std::string& address, grpc::CompletionQueue* queue, const EngineLoad& load,
            EngineLedger& ledger)
      : load_(load),
        groups_(GroupNames(load)),
        ledger_(ledger),
        stub_(v1::ChannelService::NewStub(ConnectAlone(address))) {
    // Unique: the stream remembers the sequences of the run before.
    request_.set_publisher("bench-" + std::to_string(getpid()) + "-" +
                           std::to_string(Now(CLOCK_REALTIME) / 1'000'000));
    call_ = stub_->PrepareAsyncPublishStream(&context_, queue);
    call_->StartCall(Tag(kStarted));
  }
  ~Publisher() override { context_.TryCancel(); }

  bool writable() const { return writable_; }

  // Sends the next `count` in one request. Only when it is writable.
  void Send(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      v1::PublishRequest& publication = *request_.add_publications();
      publication.mutable_message()->resize(load_.bytes);
      const uint64_t number = ledger_.Send(publication.mutable_message()->data());
      publication.set_group_id(groups_[GroupOf(number, load_.groups)]);
      publication.set_sequence(number);
    }
    writable_ = false;
    call_->Write(request_, Tag(kWritten));
    request_.Clear();
  }

  void On(Step step, bool ok) override {
    if (!ok) Die("the publisher's stream ended");
    if (step == kWritten) {
      writable_ = true;
      return;
    }
    if (step == kStarted) writable_ = true;
    if (step == kRead) TakeResults();
    call_->Read(&response_, Tag(kRead));
  }

 private:
  void TakeResults() {
    for (const v1::PublishResult& result : response_.results()) {
      if (result.has_error()) Die("refused: " + result.error().message());
      if (result.published().duplicate()) Die("a publication was taken for a duplicate");
      ledger_.OnAcknowledged(++answered_);
    }
  }

  const EngineLoad load_;
  const std::vector<std::string> groups_;
  EngineLedger& ledger_;
  std::unique_ptr<v1::ChannelService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>>
      call_;
  v1::PublishStreamRequest request_;
  v1::PublishStreamResponse response_;
  uint64_t answered_ = 0;
  bool writable_ = false;
};

class ServiceLink {
 public:
  ServiceLink(const std::string& address, const EngineLoad& load, EngineLedger& ledger)
      : ledger_(ledger), publisher_(address, queue_.get(), load, ledger) {
    const std::vector<std::string> groups = GroupNames(load);
    for (uint32_t i = 0; i < load.groups; ++i) numbers_.emplace(groups[i], i);
    subscriber_ = std::make_unique<GrpcSubscriber>(
        address, groups, queue_.get(), [this](std::string_view group, std::string_view message) {
          const auto found = numbers_.find(std::string(group));
          if (found == numbers_.end()) Die("a publication of another group");
          ledger_.OnDelivered(found->second, message);
        });
    while (!subscriber_->subscribed()) queue_.MustStep("subscriptions");
  }

  void Send(uint32_t count) {
    while (!publisher_.writable()) queue_.MustStep("the end of a write");
    publisher_.Send(count);
  }
  void Await(uint64_t done) {
    while (ledger_.done() < done) queue_.MustStep("answers or deliveries");
  }
  void Rest(int64_t time) {
    while (queue_.Step(time)) {
    }
  }

 private:
  EngineLedger& ledger_;
  std::unordered_map<std::string, uint32_t> numbers_;  // of groups
  CallQueue queue_;
  Publisher publisher_;
  std::unique_ptr<GrpcSubscriber> subscriber_;
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  constexpr int kFirstPid = 2 + EngineLoad::kArguments;
  EngineLoad load;
  CpuClocks servers;
  if (argc <= kFirstPid || !load.Read(argv + 2)) {
    std::fprintf(stderr, "usage: bench_engine_load HOST:PORT %s\n", EngineLoad::kUsage);
    return 64;
  }
  for (int i = kFirstPid; i < argc; ++i) {
    if (!servers.Add(std::atoi(argv[i]))) Die("no such process");
  }
  EngineLedger ledger(load);
  ServiceLink link(argv[1], load, ledger);
  EngineRun(load, servers, ledger, link).Run(/*own_counts=*/false);
  std::_Exit(0);  // open calls need no farewell
}
