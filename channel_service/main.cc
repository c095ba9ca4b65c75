// channel_service: flags, logs, admin address, signals; the work is in server.h.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "channel_service/base/address.h"
#include "channel_service/base/descriptors.h"
#include "channel_service/base/flags.h"
#include "channel_service/base/log.h"
#include "channel_service/base/process.h"
#include "channel_service/base/state_file.h"
#include "channel_service/engine/jetstream/jetstream_engine.h"
#include "channel_service/engine/memory/memory_engine.h"
#include "channel_service/http/admin_server.h"
#include "channel_service/server.h"

ABSL_FLAG(
    std::vector<std::string>, listen, {"127.0.0.1:2206"},
    "Addresses of the gRPC service, with commas: IP:PORT, or unix:PATH, a socket of mode 0660 for "
    "processes of this machine");
ABSL_FLAG(std::string, admin_listen, "127.0.0.1:2207",
          "Address of /healthz, /readyz and /metrics, IP:PORT");
ABSL_FLAG(std::string, engine, "memory",
          "Where the log lives: memory (in this process) or nats (a JetStream stream)");
ABSL_FLAG(
    std::string, nats_url, "",
    "Servers of the NATS cluster, nats://HOST:PORT or tls://HOST:PORT, with commas; empty: "
    "nats://127.0.0.1:4222. With USER:PASSWORD@ or TOKEN@ before the host use --nats_url_file");
ABSL_FLAG(std::string, nats_url_file, "", "File that holds what --nats_url would; mode 0600");
ABSL_FLAG(std::string, nats_creds_file, "",
          "NATS credentials file (a user's JWT and seed, as nsc writes it); mode 0600");
ABSL_FLAG(std::string, nats_ca, "",
          "File of the certificates (PEM) that sign those of tls:// servers; empty: the system's");
ABSL_FLAG(std::string, nats_stream, channel::StreamConfig{}.name,
          "Stream with the log; it is made if it is not there");
ABSL_FLAG(int64_t, nats_replicas, channel::StreamConfig{}.replicas,
          "Servers that have the stream, if it is made: 1, 3 or 5");
ABSL_FLAG(int64_t, nats_bytes_max, channel::StreamConfig{}.bytes_max,
          "Bytes of the stream, if it is made; the oldest publications are dropped beyond it");
ABSL_FLAG(absl::Duration, nats_age_max, absl::Hours(24),
          "How long the stream holds a publication, if it is made");
ABSL_FLAG(absl::Duration, nats_patience, absl::Seconds(15),
          "How long the start waits for NATS, then the process ends with 69");
ABSL_FLAG(std::vector<std::string>, admin_names, {},
          "Names, as example.org, *.example.org or example.org:2207, under which --admin_listen "
          "answers besides addresses and localhost; others get 421");
ABSL_FLAG(std::string, name, "", "Name in logs; default channel-PID");
ABSL_FLAG(std::string, log_level, "info", "trace, debug, info, warn or error");
ABSL_FLAG(std::string, log_level_file, "", "File whose first word is the log level after a SIGHUP");
ABSL_FLAG(std::string, state_file, "", "File that gets pid and addresses once they listen");
ABSL_FLAG(bool, insecure, false, "Allow to listen on addresses that other machines can reach");
ABSL_FLAG(uint64_t, message_bytes_max, channel::ServiceLimits{}.message_bytes_max,
          "Largest body of a publication");
ABSL_FLAG(uint64_t, history_publications_max, channel::ServiceLimits{}.history_publications_max,
          "Newest publications held for a group");
ABSL_FLAG(uint64_t, history_bytes_max, channel::ServiceLimits{}.history_bytes_max,
          "Bytes of history held for a group");
ABSL_FLAG(
    uint64_t, history_total_bytes_max, channel::ServiceLimits{}.history_total_bytes_max,
    "Bytes of history held for all groups, and of the groups; those that hold most give first");
ABSL_FLAG(absl::Duration, history_age_max, absl::Minutes(5), "How long a publication is held");
ABSL_FLAG(absl::Duration, new_epoch_grace, absl::Seconds(5),
          "After a start --history_publications_max does not hold for so long, so that edges that "
          "come back late find what others sent");
ABSL_FLAG(absl::Duration, dedup_window, absl::Minutes(2),
          "How long an idempotency key is remembered");
ABSL_FLAG(uint64_t, dedup_bytes_max, channel::ServiceLimits{}.dedup_bytes_max,
          "Bytes of idempotency keys (memory); the oldest are forgotten early beyond it");
ABSL_FLAG(uint64_t, subscriber_queue_bytes_max, channel::ServiceLimits{}.subscriber_queue_bytes_max,
          "Bytes that may wait for one Subscribe stream");
ABSL_FLAG(absl::Duration, drain_time, absl::Seconds(5), "How long SIGTERM waits for open calls");

namespace channel {
namespace {

ServiceLimits LimitsFromFlags() {
  ServiceLimits limits;
  limits.message_bytes_max = absl::GetFlag(FLAGS_message_bytes_max);
  limits.history_publications_max = absl::GetFlag(FLAGS_history_publications_max);
  limits.history_bytes_max = absl::GetFlag(FLAGS_history_bytes_max);
  limits.history_total_bytes_max = absl::GetFlag(FLAGS_history_total_bytes_max);
  limits.history_age_max = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_history_age_max));
  limits.new_epoch_grace = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_new_epoch_grace));
  limits.dedup_window = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_dedup_window));
  limits.dedup_bytes_max = absl::GetFlag(FLAGS_dedup_bytes_max);
  limits.subscriber_queue_bytes_max = absl::GetFlag(FLAGS_subscriber_queue_bytes_max);
  return limits;
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

absl::StatusOr<JetStreamOptions> JetStreamFromFlags(const ServiceLimits& limits) {
  NatsFlags nats{absl::GetFlag(FLAGS_nats_url), absl::GetFlag(FLAGS_nats_url_file),
                 absl::GetFlag(FLAGS_nats_creds_file), absl::GetFlag(FLAGS_nats_ca)};
  if (nats.url.empty() && nats.url_file.empty()) nats.url = "nats://127.0.0.1:4222";
  auto access = ReadNatsAccess(nats);
  if (!access.ok()) return access.status();
  JetStreamOptions options;
  options.nats = *std::move(access);
  options.node = std::to_string(RandomSeed());
  options.stream.name = absl::GetFlag(FLAGS_nats_stream);
  options.stream.replicas = absl::GetFlag(FLAGS_nats_replicas);
  options.stream.bytes_max = absl::GetFlag(FLAGS_nats_bytes_max);
  options.stream.age_max = absl::ToChronoSeconds(absl::GetFlag(FLAGS_nats_age_max));
  options.stream.publications_per_group_max = static_cast<int64_t>(limits.history_publications_max);
  options.stream.dedup_window = limits.dedup_window;
  return options;
}

absl::StatusOr<ListenAddresses> ListenFromFlags(bool insecure) {
  ListenAddresses addresses;
  for (const std::string& text : absl::GetFlag(FLAGS_listen)) {
    if (IsUnixAddress(text)) {
      auto path = ParseUnixAddress(text);
      if (!path.ok()) return path.status();
      addresses.unix_paths.push_back(*std::move(path));
    } else {
      addresses.tcp.push_back(ParseListenFlag(
          "--listen", text, "whoever reaches it can publish to all groups and read all groups",
          insecure));
    }
  }
  if (addresses.tcp.empty() && addresses.unix_paths.empty()) {
    return absl::InvalidArgumentError("--listen needs an address, as 127.0.0.1:2206");
  }
  return addresses;
}

// Makes the engine; with NATS it waits until that is there.
absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(const ServiceLimits& limits, const Clock& clock,
                                                   prometheus::Registry& registry,
                                                   std::function<void()> on_log_lost) {
  const std::string kind = absl::GetFlag(FLAGS_engine);
  if (kind == "memory") return std::make_unique<MemoryEngine>(limits, clock, RandomSeed());
  if (kind != "nats") return absl::InvalidArgumentError("--engine takes: memory, nats");
  auto options = JetStreamFromFlags(limits);
  if (!options.ok()) return options.status();
  options->on_other_stream = std::move(on_log_lost);
  return JetStreamEngine::Open(*std::move(options), clock, registry, limits,
                               absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_nats_patience)));
}

int ExitCodeOf(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  return absl::IsUnavailable(status) ? kExitUnavailable : kExitConfig;
}

// The first signal drains; the second ends the process.
void RunUntilStopped(boost::asio::io_context& control, ProcessSignals& signals,
                     ChannelServer& server, StateFile& state_file) {
  std::thread stopper;
  signals.OnStop([&](int count) {
    if (count > 1) {
      spdlog::info("second signal: stopping at once");
      state_file.Remove();
      std::_Exit(0);
    }
    spdlog::info("draining");
    stopper = std::thread([&] {
      server.Stop(absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_drain_time)));
      control.stop();
    });
  });
  control.run();
  stopper.join();
}

int Main(int argc, char** argv) {
  TuneLibraries();
  ObeySignalsWhileStarting();
  ParseFlags(argc, argv,
             "The channel service: takes publications over gRPC, orders them, and streams them to\n"
             "the edges that hold members of their group. Example:\n"
             "  channel_service --listen=127.0.0.1:2206 --admin_listen=127.0.0.1:2207",
             "channel_service/main.cc");
  HideNatsSecrets(argc, argv);
  std::string name = absl::GetFlag(FLAGS_name);
  if (name.empty()) name = "channel-" + std::to_string(::getpid());
  if (const auto status = InitLog(name, absl::GetFlag(FLAGS_log_level)); !status.ok()) {
    return Fail(kExitUsage, status);
  }
  if (const auto descriptors = RaiseDescriptorLimit(); !descriptors.ok()) {
    return Fail(kExitSystem, descriptors.status());
  }
  const ServiceLimits limits = LimitsFromFlags();
  if (const auto status = limits.Check(); !status.ok()) return Fail(kExitConfig, status);
  const bool insecure = absl::GetFlag(FLAGS_insecure);
  const auto listen = ListenFromFlags(insecure);
  if (!listen.ok()) return Fail(kExitUsage, listen.status());
  const auto admin_listen = ParseListenFlag("--admin_listen", absl::GetFlag(FLAGS_admin_listen),
                                            "whoever reaches it can read the metrics", insecure);

  boost::asio::io_context control(1);
  auto registry = std::make_shared<prometheus::Registry>();
  SystemClock clock;
  // The process is started again: clients that come back find the new log's epoch, and hear of a
  // gap.
  std::atomic<bool> log_lost = false;
  auto engine = OpenEngine(limits, clock, *registry, [&log_lost] {
    log_lost = true;
    ::kill(::getpid(), SIGTERM);
  });
  if (!engine.ok()) return Fail(ExitCodeOf(engine.status()), engine.status());
  ChannelServer server(limits, *registry, *std::move(engine));
  AdminServer admin(control);
  if (const auto status = admin.AllowNames(absl::GetFlag(FLAGS_admin_names)); !status.ok()) {
    return Fail(kExitUsage, status);
  }
  admin.HandleStandardPaths(
      registry, [&] { return server.alive(); }, [&] { return server.unready_reason(); });
  const auto admin_endpoint = admin.Listen(admin_listen);
  if (!admin_endpoint.ok()) return Fail(kExitSystem, admin_endpoint.status());

  ProcessSignals signals(control, AddCounter(*registry, "channel_reloads_total", "SIGHUPs obeyed"),
                         absl::GetFlag(FLAGS_log_level_file));
  const auto addresses = server.Start(*listen);
  if (!addresses.ok()) return Fail(kExitSystem, addresses.status());
  spdlog::info("listening on {}, admin on {}", *addresses, ToString(*admin_endpoint));
  StateFile state_file;
  if (const auto status = state_file.Write(absl::GetFlag(FLAGS_state_file), name, *addresses,
                                           ToString(*admin_endpoint));
      !status.ok()) {
    return Fail(kExitSystem, status);
  }

  RunUntilStopped(control, signals, server, state_file);
  spdlog::info("stopped");
  return log_lost ? kExitUnavailable : 0;
}

}  // namespace
}  // namespace channel

int main(int argc, char** argv) { return channel::Main(argc, argv); }
