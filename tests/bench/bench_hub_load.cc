// Loads the channel service as edges do: SUBSCRIBERS Subscribe streams, each on a connection of its
// own, hold one group; one PublishStream sends requests of PER_REQUEST publications of BYTES bytes.
// A bounded number of publications is on its way at a time. Every subscriber checks every
// publication. Prints one line of JSON with the CPU time that process PID used.
//
//   bench_hub_load HOST:PORT PID SUBSCRIBERS PER_REQUEST BYTES MILLISECONDS
//
// One thread on one completion queue; the Subscribe streams are read as bytes (see event_scan.h).
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/event_scan.h"
#include "tests/bench/message.h"
#include "tests/bench/sequence_check.h"

namespace channel::bench {
namespace {

constexpr uint64_t kRequestsInFlightMax = 16;  // keeps the service busy, far below its queue limits
constexpr int64_t kWarmUpNs = 200'000'000;
constexpr auto kSilenceMax = std::chrono::seconds(10);  // nothing for this long: the run failed
const char kGroup[] = "bench-hub";

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_hub_load: %s\n", why.c_str());
  std::exit(1);
}

int64_t Now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// A channel that shares no connection with the others.
std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// What a completion belongs to.
struct Stream {
  enum Step : uintptr_t { kStarted, kRead, kWritten };
  virtual ~Stream() = default;
  virtual void On(Step step) = 0;
  // Tags are the stream's address with the step in its low bits.
  void* Tag(Step step) { return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(this) | step); }

  static void Dispatch(void* tag) {
    const auto value = reinterpret_cast<uintptr_t>(tag);
    reinterpret_cast<Stream*>(value & ~uintptr_t{7})->On(static_cast<Step>(value & 7));
  }
};

class Subscriber final : public Stream {
 public:
  Subscriber(const std::string& address, grpc::CompletionQueue* queue, Faults& faults)
      : faults_(faults), stub_(Connect(address)) {
    call_ = stub_.PrepareCall(&context_, "/channel.v1.ChannelService/Subscribe", queue);
    call_->StartCall(Tag(kStarted));
  }
  ~Subscriber() override { context_.TryCancel(); }

  bool subscribed() const { return subscribed_; }
  uint64_t received() const { return received_; }

  void On(Step step) override {
    if (step == kStarted) {
      v1::SubscribeRequest request;
      request.add_subscribe()->set_group_id(kGroup);
      const grpc::Slice slice(request.SerializeAsString());
      call_->Write(grpc::ByteBuffer(&slice, 1), Tag(kWritten));
    } else if (step == kWritten) {
      call_->Read(&incoming_, Tag(kRead));
    } else {
      Take();
      call_->Read(&incoming_, Tag(kRead));
    }
  }

 private:
  void Take() {
    grpc::Slice slice;
    if (!incoming_.TrySingleSlice(&slice).ok() && !incoming_.DumpToSingleSlice(&slice).ok()) {
      Die("out of memory");
    }
    FieldScan events({reinterpret_cast<const char*>(slice.begin()), slice.size()});
    while (events.Next()) {
      FieldScan event(events.value());
      if (!event.Next()) Die("an event without content");
      if (event.number() == v1::Event::kSubscribedFieldNumber) {
        subscribed_ = true;
      } else if (event.number() == v1::Event::kPublicationFieldNumber) {
        OnPublication(event.value());
      } else {
        Die("a gap in the subscription");
      }
    }
    if (!events.valid()) Die("a malformed batch");
  }

  void OnPublication(std::string_view publication) {
    ++received_;
    FieldScan field(publication);
    while (field.Next()) {
      if (field.number() != v1::Publication::kMessageFieldNumber) continue;
      const uint64_t sequence = ReadMessage(field.value());
      if (sequence == 0) break;
      check_.OnMessage(sequence, faults_);
      return;
    }
    ++faults_.damaged;
  }

  Faults& faults_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  SequenceCheck check_;
  uint64_t received_ = 0;
  bool subscribed_ = false;
};

class Publisher final : public Stream {
 public:
  Publisher(const std::string& address, grpc::CompletionQueue* queue, uint32_t per_request,
            uint32_t bytes)
      : per_request_(per_request),
        bytes_(bytes),
        stub_(v1::ChannelService::NewStub(Connect(address))) {
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

  void On(Step step) override {
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
      publication.set_group_id(kGroup);
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
  HubLoad(const std::string& address, uint32_t subscribers, uint32_t per_request, uint32_t bytes)
      : per_request_(per_request), publisher_(address, &queue_, per_request, bytes) {
    for (uint32_t i = 0; i < subscribers; ++i) {
      subscribers_.push_back(std::make_unique<Subscriber>(address, &queue_, faults_));
    }
  }

  void Run(clockid_t service_cpu, int64_t duration) {
    while (!std::ranges::all_of(subscribers_, [](auto& s) { return s->subscribed(); })) Step();
    PublishUntil(Now() + kWarmUpNs);
    const uint64_t before = publisher_.sent();
    const int64_t cpu_before = Now(service_cpu);
    const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = Now();
    PublishUntil(start + duration);
    const int64_t wall = Now() - start;
    const int64_t cpu = Now(service_cpu) - cpu_before;
    const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    const uint64_t publications = publisher_.sent() - before;
    std::printf("{\"publications\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"cpu_ns\":%" PRId64
                ",\"wall_ns\":%" PRId64 ",\"load_cpu_ns\":%" PRId64 ",\"lost\":%" PRIu64
                ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
                publications, publications * subscribers_.size(), cpu, wall, own, faults_.lost,
                faults_.duplicated, faults_.reordered, faults_.damaged);
    std::fflush(stdout);
  }

 private:
  // Publishes until the time given, then waits until every subscriber has everything.
  void PublishUntil(int64_t end) {
    while (Now() < end) {
      publisher_.Allow(Slowest() + kRequestsInFlightMax * per_request_);
      Step();
    }
    publisher_.Allow(0);
    while (Slowest() < publisher_.sent()) Step();
  }

  uint64_t Slowest() const {
    uint64_t slowest = ~uint64_t{0};
    for (const auto& subscriber : subscribers_) slowest = std::min(slowest, subscriber->received());
    return slowest;
  }

  // Takes one completion.
  void Step() {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kSilenceMax) !=
        grpc::CompletionQueue::GOT_EVENT) {
      Die("nothing came: " + std::to_string(publisher_.sent() - Slowest()) +
          " publications are lost");
    }
    if (!ok) Die("a stream ended");
    Stream::Dispatch(tag);
  }

  const uint32_t per_request_;
  grpc::CompletionQueue queue_;
  Faults faults_;
  Publisher publisher_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  if (argc != 7) {
    std::fprintf(
        stderr, "usage: bench_hub_load HOST:PORT PID SUBSCRIBERS PER_REQUEST BYTES MILLISECONDS\n");
    return 64;
  }
  const auto number = [&](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
  clockid_t service_cpu{};
  if (clock_getcpuclockid(std::atoi(argv[2]), &service_cpu) != 0) Die("no such process");
  if (number(3) == 0 || number(4) == 0 || number(5) < kSequenceBytes ||
      number(5) > kMessageBytesMax) {
    Die("bad size");
  }
  HubLoad(argv[1], number(3), number(4), number(5))
      .Run(service_cpu, int64_t{1'000'000} * number(6));
  std::_Exit(0);  // open calls need no farewell
}
