// Publishes to a system and checks what its subscribers get: the channel service as edges and back
// ends use it, and its peers. Prints one line of JSON: the CPU time that the servers used
// meanwhile, latencies, and what was lost, duplicated, reordered or damaged. See pubsub_run.h for
// the load. One thread (libnats has threads of its own).
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>
#include <absl/flags/usage.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/bench/load/pubsub_run.h"
#include "tests/support/deadline.h"

ABSL_FLAG(std::string, system, "", "stream, unary, nats, redis or jetstream");
ABSL_FLAG(std::string, address, "", "HOST:PORT of the server");
ABSL_FLAG(std::string, pids, "", "server processes whose CPU time counts, with commas");
ABSL_FLAG(uint32_t, subscribers, 1, "each with a connection of its own, and all groups");
ABSL_FLAG(uint32_t, first_group, 0, "number of the first group");
ABSL_FLAG(uint32_t, groups, 1, "groups, which take turns");
ABSL_FLAG(uint32_t, together, 1, "publications that are sent together when there is room for them");
ABSL_FLAG(uint32_t, in_flight, 1, "publications sent, and not yet both acknowledged and delivered");
ABSL_FLAG(uint32_t, bytes, 128, "of a message, at least 32");
ABSL_FLAG(uint32_t, warm_up, 0, "publications before the measured ones");
ABSL_FLAG(uint32_t, publications, 0, "measured publications; 0: as many as go in --milliseconds");
ABSL_FLAG(uint32_t, milliseconds, 0, "how long is measured, after 200 ms that are not");
ABSL_FLAG(uint32_t, interval_us, 0, "not 0: one at a time, each so long after the one before");

int main(int argc, char** argv) {
  using namespace channel::bench;
  const std::map<std::string, std::function<decltype(MakeStreamLink)>> systems = {
      {"stream", MakeStreamLink},
      {"unary", MakeUnaryLink},
      {"nats", MakeNatsLink},
      {"redis", MakeRedisLink},
      {"jetstream", MakeJetstreamLink}};
  absl::SetProgramUsageMessage("publishes to a system and checks what its subscribers get");
  absl::ParseCommandLine(argc, argv);
  const std::string name = absl::GetFlag(FLAGS_system);
  const auto system = systems.find(name);
  if (system == systems.end()) Die("--system: none of those that --help names");
  PubsubLoad load{.address = absl::GetFlag(FLAGS_address),
                  .subscribers = absl::GetFlag(FLAGS_subscribers),
                  .first_group = absl::GetFlag(FLAGS_first_group),
                  .groups = absl::GetFlag(FLAGS_groups),
                  .senders = absl::GetFlag(FLAGS_groups),
                  .together = absl::GetFlag(FLAGS_together),
                  .in_flight = absl::GetFlag(FLAGS_in_flight),
                  .bytes = absl::GetFlag(FLAGS_bytes),
                  .warm_up = absl::GetFlag(FLAGS_warm_up),
                  .publications = absl::GetFlag(FLAGS_publications),
                  .time = kMillisecond * absl::GetFlag(FLAGS_milliseconds),
                  .interval = 1000 * int64_t{absl::GetFlag(FLAGS_interval_us)}};
  // Calls that are on their way together have no order, so each has a sequence of its own.
  if (name == "unary") load.senders = load.in_flight;
  if (!load.IsValid()) Die("this is no load: see --help");
  const CpuClocks servers(absl::GetFlag(FLAGS_pids));
  PubsubLedger ledger(load);
  try {
    const std::unique_ptr<PubsubLink> link = system->second(load, ledger);
    PrintLine(RunPubsub(load, servers, ledger, *link, name == "jetstream"));
    std::_Exit(0);  // open calls and libnats' threads need no farewell
  } catch (const support::TestFailure& failure) {  // of a connection
    Die(failure.what());
  }
}
