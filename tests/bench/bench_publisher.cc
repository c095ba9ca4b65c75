// The sender in front of the real system: publishes to one group through one PublishStream. Each
// order on standard input (see message.h) becomes one request with that many publications; its
// answers are awaited.
//
//   bench_publisher HOST:PORT GROUP      runs until the end of input
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "channel/v1/channel.grpc.pb.h"
#include "tests/bench/message.h"

namespace channel::bench {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_publisher: %s\n", why.c_str());
  std::exit(1);
}

void Serve(const std::string& address, const std::string& group) {
  auto stub =
      v1::ChannelService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  auto stream = stub->PublishStream(&context);

  v1::PublishStreamRequest request;
  request.set_publisher("bench-" + std::to_string(getpid()));  // numbered, as edges do
  uint64_t sequence = 0;
  Order order;
  while (read(STDIN_FILENO, &order, sizeof order) == sizeof order) {
    for (uint32_t i = 0; i < order.messages; ++i) {
      v1::PublishRequest& publication = *request.add_publications();
      publication.set_group_id(group);
      publication.set_sequence(++sequence);
      publication.mutable_message()->resize(order.bytes);
      WriteMessage(sequence, order.bytes, publication.mutable_message()->data());
    }
    if (!stream->Write(request)) Die(stream->Finish().error_message());
    request.Clear();
    v1::PublishStreamResponse response;
    for (uint32_t answered = 0; answered < order.messages;) {
      if (!stream->Read(&response)) Die(stream->Finish().error_message());
      for (const v1::PublishResult& result : response.results()) {
        if (result.has_error()) Die("refused: " + result.error().message());
        ++answered;
      }
    }
  }
  stream->WritesDone();
  context.TryCancel();
  stream->Finish();
}

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_publisher HOST:PORT GROUP\n");
    return 64;
  }
  channel::bench::Serve(argv[1], argv[2]);
}
