// The sender in front of the real system: publishes through one PublishStream. Each order on
// standard input (see message.h) becomes requests, whose answers are awaited.
//
//   bench_publisher HOST:PORT SET...      runs until the end of input
//
// SET is NAME, one group; or NAME:GROUPS:PARTS, the groups NAME0, NAME1 … in parts of equal size.
// Message s goes to all groups of part s % PARTS, so a receiver that is in one group of each part
// gets every message once.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/message.h"

namespace channel::bench {
namespace {

// One request has all messages of an order if they go to one group; a set with many groups is
// sent in requests of at most this many publications.
constexpr int kPublicationsPerRequestMax = 1000;

struct GroupSet {
  std::vector<std::string> groups;
  size_t parts = 1;
};

GroupSet ParseSet(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return {.groups = {text}};
  GroupSet set;
  size_t groups = 0;
  if (std::sscanf(text.c_str() + colon, ":%zu:%zu", &groups, &set.parts) != 2 || groups == 0 ||
      set.parts == 0 || groups % set.parts != 0) {
    Die("bad set " + text);
  }
  for (size_t i = 0; i < groups; ++i) {
    set.groups.push_back(text.substr(0, colon) + std::to_string(i));
  }
  return set;
}

class Publisher {
 public:
  Publisher(const std::string& address, std::vector<GroupSet> sets)
      : sets_(std::move(sets)),
        stub_(v1::ChannelService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        stream_(stub_->PublishStream(&context_)) {
    request_.set_publisher("bench-" + std::to_string(getpid()));  // numbered, as edges do
  }

  void Serve() {
    Order order;
    while (read(STDIN_FILENO, &order, sizeof order) == sizeof order) {
      if (order.way >= sets_.size()) Die("no such set of groups");
      const GroupSet& set = sets_[order.way];
      if (order.messages == 0) {
        for (const std::string& group : set.groups) {
          Write({.stamp = order.bytes}, kMessageBytesMin, Add(group));
        }
      }
      for (uint32_t i = 0; i < order.messages; ++i) {
        ++message_;
        const size_t count = set.groups.size() / set.parts;
        const size_t first = message_ % set.parts * count;
        for (size_t group = first; group < first + count; ++group) {
          Write({.sequence = message_}, order.bytes, Add(set.groups[group]));
        }
      }
      Send();
    }
    stream_->WritesDone();
    context_.TryCancel();
    stream_->Finish();
  }

 private:
  // A publication to `group`; returns its message, to be filled.
  std::string& Add(const std::string& group) {
    if (request_.publications_size() >= kPublicationsPerRequestMax) Send();
    v1::PublishRequest& publication = *request_.add_publications();
    publication.set_group_id(group);
    publication.set_sequence(++publication_);
    return *publication.mutable_message();
  }

  static void Write(const Message& message, uint32_t bytes, std::string& text) {
    text.resize(bytes);
    WriteMessage(message, bytes, text.data());
  }

  // Sends what was added, and waits until it is acknowledged.
  void Send() {
    if (!stream_->Write(request_)) Die(stream_->Finish().error_message());
    v1::PublishStreamResponse response;
    for (int answered = 0; answered < request_.publications_size();) {
      if (!stream_->Read(&response)) Die(stream_->Finish().error_message());
      for (const v1::PublishResult& result : response.results()) {
        if (result.has_error()) Die("refused: " + result.error().message());
        ++answered;
      }
    }
    request_.clear_publications();
    request_.clear_publisher();  // named once, in the first request
  }

  const std::vector<GroupSet> sets_;
  const std::unique_ptr<v1::ChannelService::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>>
      stream_;
  v1::PublishStreamRequest request_;
  uint64_t publication_ = 0;  // the last publication's number
  uint32_t message_ = 0;      // the last message's number; it may be in many publications
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_publisher HOST:PORT SET...\n");
    return 64;
  }
  // A stream that nobody reads from is looked after by gRPC's backup poller only. Its default of 5
  // s is as long as the service waits for the answer to a keepalive ping.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "1000", 1);
  std::vector<channel::bench::GroupSet> sets;
  for (int i = 2; i < argc; ++i) sets.push_back(channel::bench::ParseSet(argv[i]));
  channel::bench::Publisher(argv[1], std::move(sets)).Serve();
}
