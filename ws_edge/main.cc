// ws_edge: flags, logs, admin address, signals; the work is in edge_server.h.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "channel_service/base/address.h"
#include "channel_service/base/descriptors.h"
#include "channel_service/base/flags.h"
#include "channel_service/base/log.h"
#include "channel_service/base/process.h"
#include "channel_service/base/state_file.h"
#include "channel_service/base/strings.h"
#include "channel_service/base/watchdog.h"
#include "channel_service/http/admin_server.h"
#include "channel_service/http/socket.h"
#include "ws_edge/edge_server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:1234",
          "Address for WebSocket clients, IP:PORT; several edges may share it");
ABSL_FLAG(std::vector<std::string>, channel, {"127.0.0.1:2206"},
          "Channel services, HOST:PORT or unix:PATH, separated by commas; one is used at a time, "
          "the next one when it is lost. The number at the end of --name chooses the first");
ABSL_FLAG(std::string, admin_listen, "127.0.0.1:0",
          "Address of /healthz, /readyz, /metrics and /connections, IP:PORT");
ABSL_FLAG(std::vector<std::string>, admin_names, {},
          "Names, as example.org, *.example.org or example.org:2207, under which --admin_listen "
          "answers besides addresses and localhost; others get 421");
ABSL_FLAG(std::string, name, "", "Name in logs and in the header X-Channel-Edge; default edge-PID");
ABSL_FLAG(std::string, log_level, "info", "trace, debug, info, warn or error");
ABSL_FLAG(std::string, log_level_file, "", "File whose first word is the log level after a SIGHUP");
ABSL_FLAG(std::string, state_file, "", "File that gets pid and addresses once they listen");
ABSL_FLAG(bool, insecure, false, "Allow to listen on addresses that other machines can reach");
ABSL_FLAG(
    std::vector<std::string>, allowed_origins, {},
    "Origins whose pages may connect besides pages of this very server (scheme, host and port): "
    "https://example.org, https://*.example.org, null (sandboxed pages), * = all");
ABSL_FLAG(std::vector<std::string>, server_names, {},
          "Names, with or without port, under which browsers reach this server: example.org, "
          "*.example.org:8443; * = any. Default: any, but on loopback addresses only names of this "
          "machine, unless a proxy adds headers; WebSockets under other names get 421");
ABSL_FLAG(std::vector<std::string>, trusted_proxies,
          std::vector<std::string>({"127.0.0.0/8", "::1"}),
          "Addresses of proxies, as 10.0.0.0/8, that are believed what they say of clients: "
          "Forwarded, X-Forwarded-For, -Host and -Proto, PROXY protocol");
ABSL_FLAG(bool, proxy_protocol, false,
          "Each connection to --listen comes from a trusted proxy and begins with a header of the "
          "PROXY protocol, version 1 or 2; others are closed");
ABSL_FLAG(uint64_t, message_bytes_max, edge::EdgeLimits{}.message_bytes_max,
          "Largest WebSocket message of a client; longer ones close with 1009");
ABSL_FLAG(uint64_t, groups_per_connection_max, edge::EdgeLimits{}.groups_per_connection_max,
          "Groups that one connection may be in");
ABSL_FLAG(uint64_t, session_queue_bytes_max, edge::EdgeLimits{}.session_queue_bytes_max,
          "Bytes that may wait for one client; a slower reader is closed with 4008");
ABSL_FLAG(uint64_t, recent_bytes_max, edge::EdgeLimits{}.recent_bytes_max,
          "Bytes of recent publications that are kept for clients that come back");
ABSL_FLAG(
    uint64_t, connections_max, 0,
    "WebSocket connections; 0 = what the limit of open files allows (the hard one: ulimit -Hn)");
ABSL_FLAG(uint64_t, connections_per_address_max, 0,
          "WebSocket connections of one client address (of an IPv6 network of 64 bits), as trusted "
          "proxies tell it; 0 = any");
ABSL_FLAG(absl::Duration, upgrade_timeout, absl::Seconds(10), "Time for the HTTP request");
ABSL_FLAG(absl::Duration, message_timeout, absl::Seconds(10),
          "Time for a message to be complete after its first byte");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(25), "Each client is pinged this often");
ABSL_FLAG(absl::Duration, pong_timeout, absl::Seconds(10),
          "A client that is silent this long after a ping is closed with 4012");
ABSL_FLAG(absl::Duration, publish_timeout, absl::Seconds(10),
          "How long a publication waits for the channel service");
ABSL_FLAG(absl::Duration, upstream_timeout, absl::Seconds(30),
          "After so long without the channel service, clients of channel.v1.json are closed with "
          "4002, spread over the ping interval, to try another edge; 0 = never");
ABSL_FLAG(uint64_t, publish_queue_bytes_max, edge::EdgeLimits{}.publish_queue_bytes_max,
          "Bytes of publications that may wait for the channel service");
ABSL_FLAG(
    uint64_t, commands_per_second, edge::PaceLimits{}.commands.per_second,
    "Commands that each connection may send; it is read no faster, and closed with 4013 if it "
    "sends more for 10s; 0 = any");
ABSL_FLAG(uint64_t, commands_burst, edge::PaceLimits{}.commands.burst,
          "Commands that a connection which was quiet may send at once");
ABSL_FLAG(uint64_t, bytes_per_second, edge::PaceLimits{}.bytes.per_second,
          "The same in bytes, with those of the histories that it asks for; 0 = any");
ABSL_FLAG(uint64_t, bytes_burst, edge::PaceLimits{}.bytes.burst,
          "Bytes that a connection which was quiet may send at once");
ABSL_FLAG(absl::Duration, drain_time, absl::Seconds(5),
          "SIGTERM closes the clients spread over at most this time");

namespace edge {
namespace {

absl::StatusOr<EdgeLimits> LimitsFromFlags(size_t descriptors) {
  EdgeLimits limits;
  limits.message_bytes_max = absl::GetFlag(FLAGS_message_bytes_max);
  limits.groups_per_connection_max = absl::GetFlag(FLAGS_groups_per_connection_max);
  limits.session_queue_bytes_max = absl::GetFlag(FLAGS_session_queue_bytes_max);
  limits.recent_bytes_max = absl::GetFlag(FLAGS_recent_bytes_max);
  limits.connections_max = absl::GetFlag(FLAGS_connections_max);
  limits.connections_per_address_max = absl::GetFlag(FLAGS_connections_per_address_max);
  limits.upgrade_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_upgrade_timeout));
  limits.message_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_message_timeout));
  limits.ping_interval = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_ping_interval));
  limits.pong_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_pong_timeout));
  limits.publish_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_publish_timeout));
  limits.upstream_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_upstream_timeout));
  limits.publish_queue_bytes_max = absl::GetFlag(FLAGS_publish_queue_bytes_max);
  limits.pace.commands = {absl::GetFlag(FLAGS_commands_per_second),
                          absl::GetFlag(FLAGS_commands_burst)};
  limits.pace.bytes = {absl::GetFlag(FLAGS_bytes_per_second), absl::GetFlag(FLAGS_bytes_burst)};
  limits.drain_time = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_drain_time));
  if (auto status = limits.CheckAndComplete(descriptors); !status.ok()) return status;
  return limits;
}

absl::StatusOr<AccessRules> AccessFromFlags() {
  AccessRules access;
  auto proxies = AddressRanges::Parse("--trusted_proxies", absl::GetFlag(FLAGS_trusted_proxies));
  if (!proxies.ok()) return proxies.status();
  access.trusted_proxies = *std::move(proxies);
  access.proxy_protocol = absl::GetFlag(FLAGS_proxy_protocol);
  auto origins = AllowedOrigins::Parse(absl::GetFlag(FLAGS_allowed_origins));
  if (!origins.ok()) return origins.status();
  access.allowed_origins = *std::move(origins);
  auto names = ServerNames::Parse(absl::GetFlag(FLAGS_server_names));
  if (!names.ok()) return names.status();
  access.server_names = *std::move(names);
  return access;
}

// Returns the number at the end of the name, from 0: edges with numbered names, as channelctl gives
// them, then start with different services, evenly. A name without a number is hashed.
size_t PlaceOf(std::string_view name) {
  size_t digits = 0;
  while (digits < name.size() &&
         absl::ascii_isdigit(static_cast<unsigned char>(name[name.size() - 1 - digits])))
    ++digits;
  if (digits == 0) return std::hash<std::string_view>{}(name);
  size_t number = 0;
  std::from_chars(name.data() + name.size() - digits, name.data() + name.size(), number);
  return number - 1;
}

// Needs the name and the limits.
void SetUpLink(EdgeOptions& options) {
  std::random_device random;
  options.link.addresses = absl::GetFlag(FLAGS_channel);
  options.link.first_address = PlaceOf(options.name);
  options.instance = fmt::format("{:08x}{:08x}", random(), random());
  options.link.publisher = options.instance;  // the name need not be UTF-8
  options.link.publish_timeout = options.limits.publish_timeout;
  options.link.seed = random();
}

void WarnOfAnyName(const boost::asio::ip::tcp::endpoint& listen, const AccessRules& access) {
  if (!listen.address().is_loopback() && access.server_names.empty()) {
    spdlog::warn(
        "--server_names is not given: browsers may open WebSockets to {} under any name, also "
        "under "
        "one that a foreign site makes to mean this machine",
        channel::ToString(listen));
  }
}

// All of the admin address but where it listens. It runs on the edge's loop, so an answer shows
// that the loop turns. INVALID_ARGUMENT names the flag.
absl::Status SetUpAdmin(channel::AdminServer& admin,
                        const std::shared_ptr<prometheus::Registry>& registry,
                        const EdgeServer& server) {
  admin.HandleStandardPaths(
      registry, [] { return true; }, [&server] { return server.unready_reason(); });
  admin.Handle("/connections", [&server] {
    return channel::AdminAnswer{200, server.DescribeSessions()};
  });
  return admin.AllowNames(absl::GetFlag(FLAGS_admin_names));
}

// Counts the turns of the loop, for the watchdog.
class LoopBeat {
 public:
  explicit LoopBeat(boost::asio::io_context& loop) : timer_(loop.get_executor()) { Beat(); }
  int64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  void Beat() {
    beats_.fetch_add(1, std::memory_order_relaxed);
    timer_.expires_after(channel::Watchdog::kLook);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Beat();
    });
  }

  channel::LoopTimer timer_;
  std::atomic<int64_t> beats_ = 0;
};

// Turns the loop until it is stopped, and once more for what is left: handlers of aborted
// operations release their sessions there, while the server still exists. The beat's handler may be
// among them, so the beat exists, too.
void Run(boost::asio::io_context& loop) {
  const LoopBeat beat(loop);
  const channel::Watchdog watchdog(::pthread_self(), [&beat] { return beat.beats(); });
  loop.run();
  loop.restart();
  loop.poll();
}

int Main(int argc, char** argv) {
  channel::TuneLibraries();
  channel::ObeySignalsWhileStarting();
  channel::ParseFlags(
      argc, argv,
      "A WebSocket edge: holds browsers' connections and delivers group messages to\n"
      "them. Start as many as there are cores, all with the same --listen. Example:\n"
      "  ws_edge --listen=127.0.0.1:1234 --channel=127.0.0.1:2206",
      "ws_edge/main.cc");
  EdgeOptions options;
  options.name = absl::GetFlag(FLAGS_name);
  if (options.name.empty()) options.name = fmt::format("edge-{}", ::getpid());
  if (const auto status = channel::InitLog(options.name, absl::GetFlag(FLAGS_log_level));
      !status.ok()) {
    return channel::Fail(channel::kExitUsage, status);
  }
  const auto descriptors = channel::RaiseDescriptorLimit();
  if (!descriptors.ok()) return channel::Fail(channel::kExitSystem, descriptors.status());
  const auto limits = LimitsFromFlags(*descriptors);
  if (!limits.ok()) return channel::Fail(channel::kExitConfig, limits.status());
  options.limits = *limits;
  auto access = AccessFromFlags();
  if (!access.ok()) return channel::Fail(channel::kExitUsage, access.status());
  options.access = *std::move(access);
  const bool insecure = absl::GetFlag(FLAGS_insecure);
  const auto listen =
      channel::ParseListenFlag("--listen", absl::GetFlag(FLAGS_listen),
                               "whoever reaches it can join, read and write all groups", insecure);
  const auto admin_listen = channel::ParseListenFlag(
      "--admin_listen", absl::GetFlag(FLAGS_admin_listen),
      "whoever reaches it can read the metrics and list the clients", insecure);
  if (const auto status = channel::CheckConnectAddresses(absl::GetFlag(FLAGS_channel));
      !status.ok()) {
    spdlog::error("--channel: {}", channel::MessageOf(status));
    return channel::kExitUsage;
  }
  SetUpLink(options);

  boost::asio::io_context loop(1);
  auto registry = std::make_shared<prometheus::Registry>();
  const channel::SystemClock clock;
  channel::ProcessSignals signals(
      loop, channel::AddCounter(*registry, "channel_reloads_total", "SIGHUPs obeyed"),
      absl::GetFlag(FLAGS_log_level_file));
  WarnOfAnyName(listen, options.access);
  EdgeServer server(loop, options, clock, *registry);
  channel::AdminServer admin(loop);
  if (const auto status = SetUpAdmin(admin, registry, server); !status.ok()) {
    return channel::Fail(channel::kExitUsage, status);
  }
  const auto admin_endpoint = admin.Listen(admin_listen);
  if (!admin_endpoint.ok()) return channel::Fail(channel::kExitSystem, admin_endpoint.status());
  const auto endpoint = server.Start(listen);
  if (!endpoint.ok()) return channel::Fail(channel::kExitSystem, endpoint.status());
  spdlog::info("listening on {}, admin on {}", channel::ToString(*endpoint),
               channel::ToString(*admin_endpoint));
  channel::StateFile state_file;
  if (const auto status =
          state_file.Write(absl::GetFlag(FLAGS_state_file), options.name,
                           channel::ToString(*endpoint), channel::ToString(*admin_endpoint));
      !status.ok()) {
    return channel::Fail(channel::kExitSystem, status);
  }
  signals.OnStop([&](int) { server.Drain([&] { loop.stop(); }); });
  Run(loop);
  spdlog::info("stopped");
  return 0;
}

}  // namespace
}  // namespace edge

int main(int argc, char** argv) { return edge::Main(argc, argv); }
