// channel_probe: asks a running deployment to prove that it delivers. Exit codes: 0 it does; 1 a
// step failed; 64 usage.
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/time/time.h"
#include "channel_service/base/flags.h"
#include "tests/support/probe/probe.h"

ABSL_FLAG(std::string, ws, "127.0.0.1:1234", "HOST:PORT of the edges");
ABSL_FLAG(std::string, grpc, "127.0.0.1:2206", "HOST:PORT of the channel service");
ABSL_FLAG(uint32_t, clients, 2, "how many clients, each on another edge, 1 to 32");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(10), "for all steps together");

namespace {

constexpr uint32_t kClientsMax = 32;

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "channel_probe: %s (see --help)\n", why.c_str());
  std::exit(channel::kExitUsage);
}

}  // namespace

int main(int argc, char** argv) {
  channel::ParseFlags(argc, argv,
                      "Publishes one message and checks that WebSocket clients on different edges "
                      "receive it.\nchannel_probe --ws=HOST:PORT --grpc=HOST:PORT --clients=2",
                      "tests/support/probe/");
  channel::probe::Options options;
  options.ws = absl::GetFlag(FLAGS_ws);
  options.grpc = absl::GetFlag(FLAGS_grpc);
  options.clients = absl::GetFlag(FLAGS_clients);
  options.timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_timeout));
  if (options.clients < 1 || options.clients > kClientsMax) Refuse("--clients must be 1 to 32");
  if (options.timeout.count() <= 0) Refuse("--timeout must be positive");
  if (options.ws.find(':') == std::string::npos) Refuse("--ws must be HOST:PORT");
  if (options.grpc.find(':') == std::string::npos) Refuse("--grpc must be HOST:PORT");

  const absl::StatusOr<channel::probe::Report> report = channel::probe::Probe(options);
  if (!report.ok()) {
    std::fprintf(stderr, "failed: %s\n", std::string(report.status().message()).c_str());
    return 1;
  }
  if (!report->note.empty()) std::printf("note: %s\n", report->note.c_str());
  std::printf("ok: 1 publication reached %zu client%s on %s (position %s) in %.1f ms\n",
              options.clients, options.clients == 1 ? "" : "s", report->edges.c_str(),
              report->position.c_str(), report->milliseconds);
}
