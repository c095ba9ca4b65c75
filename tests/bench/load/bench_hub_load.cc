// Loads the channel service as edges do: SUBSCRIBERS Subscribe streams, each on a connection of its
// own, hold one group; one PublishStream sends requests of PER_REQUEST publications of BYTES bytes.
// At most IN_FLIGHT publications are on their way at a time. Every subscriber checks every
// publication. Prints one line of JSON with the CPU time that process PID used.
//
//   bench_hub_load HOST:PORT PID SUBSCRIBERS PER_REQUEST IN_FLIGHT BYTES MILLISECONDS
//
// One thread on one completion queue.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/grpc_subscriber.h"
#include "tests/bench/load/hub_run.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/sequence_check.h"

namespace channel::bench {
namespace {

constexpr int64_t kSilenceNs = 10'000'000'000;  // nothing for this long: the run failed

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_hub_load: %s\n", why.c_str());
  std::exit(1);
}

class Publisher final : public Call {
 public:
  Publisher(const std::string& address, grpc::CompletionQueue* queue, uint32_t per_request,
            uint32_t bytes)
      : per_request_(per_request),
        bytes_(bytes),
        stub_(v1::ChannelService::NewStub(ConnectAlone(address))) {
    request_.set_publisher("bench-" + std::to_string(getpid()));
    call_ = stub_->PrepareAsyncPublishStream(&context_, queue);
    call_->StartCall(Tag(kStarted));
  }
  ~Publisher() override { context_.TryCancel(); }

  uint64_t sent() const { return sequence_; }

  // Publications up to this number may be sent.
  void Allow(uint64_t sequence) {
    allowed_ = sequence;
    Pump();
  }

  void On(Step step, bool ok) override {
    if (!ok) Die("the publisher's stream ended");
    if (step == kRead) {
      for (const v1::PublishResult& result : response_.results()) {
        if (result.has_error()) Die("refused: " + result.error().message());
      }
      call_->Read(&response_, Tag(kRead));
      return;
    }
    if (step == kStarted) call_->Read(&response_, Tag(kRead));
    writable_ = true;
    Pump();
  }

 private:
  void Pump() {
    if (!writable_ || sequence_ + per_request_ > allowed_) return;
    for (uint32_t i = 0; i < per_request_; ++i) {
      v1::PublishRequest& publication = *request_.add_publications();
      publication.set_group_id(kHubGroup);
      publication.set_sequence(++sequence_);
      publication.mutable_message()->resize(bytes_);
      WriteMessage(sequence_, bytes_, publication.mutable_message()->data());
    }
    writable_ = false;
    call_->Write(request_, Tag(kWritten));
    request_.Clear();
  }

  const uint32_t per_request_;
  const uint32_t bytes_;
  std::unique_ptr<v1::ChannelService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>>
      call_;
  v1::PublishStreamRequest request_;
  v1::PublishStreamResponse response_;
  uint64_t sequence_ = 0;
  uint64_t allowed_ = 0;
  bool writable_ = false;
};

class HubLoad {
 public:
  HubLoad(const std::string& address, uint32_t subscribers, uint32_t per_request,
          uint32_t in_flight, uint32_t bytes)
      : in_flight_(in_flight), publisher_(address, &queue_, per_request, bytes) {
    for (uint32_t i = 0; i < subscribers; ++i) {
      subscribers_.push_back(
          std::make_unique<GrpcSubscriber>(address, std::vector<std::string>{kHubGroup}, &queue_,
                                           [this, bytes, check = SequenceCheck()](
                                               std::string_view, std::string_view message) mutable {
                                             const uint64_t sequence = ReadMessage(message);
                                             if (sequence != 0 && message.size() == bytes) {
                                               check.OnMessage(sequence, faults_);
                                             } else {
                                               ++faults_.damaged;
                                             }
                                           }));
    }
  }

  void Run(const CpuClocks& service, int64_t duration) {
    while (!std::ranges::all_of(subscribers_, [](auto& s) { return s->subscribed(); })) MustStep();
    PublishUntil(Now() + kHubWarmUpNs);
    const uint64_t before = publisher_.sent();
    HubRun run(service);
    PublishUntil(run.start() + duration);
    run.Stop();
    while (Step(kHubGraceNs)) {
    }
    run.Print(publisher_.sent() - before, subscribers_.size(), faults_);
  }

 private:
  // Publishes until the time given, then waits until every subscriber has everything.
  void PublishUntil(int64_t end) {
    while (Now() < end) {
      publisher_.Allow(Slowest() + in_flight_);
      MustStep();
    }
    publisher_.Allow(0);
    while (Slowest() < publisher_.sent()) MustStep();
  }

  uint64_t Slowest() const {
    uint64_t slowest = ~uint64_t{0};
    for (const auto& subscriber : subscribers_) slowest = std::min(slowest, subscriber->received());
    return slowest;
  }

  // Takes one completion; false if none came in time.
  bool Step(int64_t patience_ns) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(
            &tag, &ok, std::chrono::system_clock::now() + std::chrono::nanoseconds(patience_ns)) !=
        grpc::CompletionQueue::GOT_EVENT) {
      return false;
    }
    Call::Dispatch(tag, ok);
    return true;
  }

  void MustStep() {
    if (Step(kSilenceNs)) return;
    Die("nothing came: " + std::to_string(publisher_.sent() - Slowest()) +
        " publications are lost");
  }

  const uint32_t in_flight_;
  grpc::CompletionQueue queue_;
  Faults faults_;
  Publisher publisher_;
  std::vector<std::unique_ptr<GrpcSubscriber>> subscribers_;
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  if (argc != 8) {
    std::fprintf(stderr,
                 "usage: bench_hub_load HOST:PORT PID SUBSCRIBERS PER_REQUEST IN_FLIGHT BYTES "
                 "MILLISECONDS\n");
    return 64;
  }
  const auto number = [&](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
  CpuClocks service;
  if (!service.Add(std::atoi(argv[2]))) Die("no such process");
  if (number(3) == 0 || number(4) == 0 || number(5) < number(4) || number(6) < kSequenceBytes ||
      number(6) > kMessageBytesMax) {
    Die("bad size");
  }
  HubLoad(argv[1], number(3), number(4), number(5), number(6))
      .Run(service, int64_t{1'000'000} * number(7));
  std::_Exit(0);  // open calls need no farewell
}
