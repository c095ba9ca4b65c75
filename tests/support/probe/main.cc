// channel_probe: asks a running deployment to prove that it delivers, or publishes and subscribes
// as a back end would.
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/time/time.h"
#include "channel_service/base/address.h"
#include "channel_service/base/flags.h"
#include "channel_service/base/strings.h"
#include "tests/support/probe/probe.h"
#include "tests/support/probe/service.h"

ABSL_FLAG(std::string, grpc, "127.0.0.1:2206", "HOST:PORT of the channel service, or unix:PATH");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(10),
          "For all steps together; of subscribe: for the first answer");
ABSL_FLAG(std::string, ws, "127.0.0.1:1234", "prove: HOST:PORT of the edges");
ABSL_FLAG(uint32_t, clients, 2, "prove: how many clients, each on another edge, 1 to 32");
ABSL_FLAG(std::vector<std::string>, group, {},
          "publish: the group; subscribe: the groups, with commas");
ABSL_FLAG(std::optional<std::string>, message, std::nullopt, "publish: the text");
ABSL_FLAG(bool, json, false, "publish: the text is JSON, and members with envelopes get its value");
ABSL_FLAG(std::string, key, "", "publish: idempotency key; the same one publishes once");
ABSL_FLAG(uint32_t, last, 0, "subscribe: so many of the newest publications first");
ABSL_FLAG(uint32_t, count, 0, "subscribe: end after so many publications; 0 = never");

namespace channel::probe {
namespace {

constexpr uint32_t kClientsMax = 32;

constexpr std::string_view kUsage =
    R"(channel_probe: tries a running deployment from outside.

  channel_probe prove [--ws=HOST:PORT] [--grpc=HOST:PORT] [--clients=2]
      Publishes one message and checks that WebSocket clients on different edges receive it. This is
      also what it does without a command.
  channel_probe publish --group=123 --message=TEXT [--json] [--key=KEY]
      Publishes one message, as a back end does; prints the answer, a JSON object.
  channel_probe subscribe --group=123 [--last=N] [--count=N]
      Prints what is published in the group, one JSON object on a line, until Ctrl-C.

Exit codes: 0 it is done; 1 it failed, or was refused; 64 bad usage; 69 the service cannot be reached.)";

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "channel_probe: %s (see --help)\n", why.c_str());
  std::exit(kExitUsage);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "failed: %s\n", std::string(MessageOf(status)).c_str());
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ? kExitUnavailable : 1;
}

// The flags of the other commands must be as they are by themselves.
void RefuseFlags(const std::string& command, const std::vector<const char*>& names) {
  for (const char* name : names) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag->CurrentValue() == flag->DefaultValue()) continue;
    Refuse("--" + std::string(name) + " is not for " + command);
  }
}

void CheckAddress(const std::string& flag, const std::string& address) {
  if (address.find(':') == std::string::npos) Refuse(flag + " must be HOST:PORT");
}

std::chrono::milliseconds Timeout() {
  const auto timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_timeout));
  if (timeout.count() <= 0) Refuse("--timeout must be positive");
  return timeout;
}

// At once, so that a reader of the pipe sees each line when it is true.
void PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  // It cannot fail: the contract has no Any, and its strings are UTF-8.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

int RunProve() {
  RefuseFlags("prove", {"group", "message", "json", "key", "last", "count"});
  Options options;
  options.ws = absl::GetFlag(FLAGS_ws);
  options.grpc = absl::GetFlag(FLAGS_grpc);
  options.clients = absl::GetFlag(FLAGS_clients);
  options.timeout = Timeout();
  if (options.clients < 1 || options.clients > kClientsMax) Refuse("--clients must be 1 to 32");
  const absl::Status address = CheckConnectAddress(options.ws);
  if (!address.ok()) Refuse("--ws: " + std::string(MessageOf(address)));
  const absl::StatusOr<Report> report = Probe(options);
  if (!report.ok()) {
    Fail(report.status());
    return 1;
  }
  if (!report->note.empty()) std::printf("note: %s\n", report->note.c_str());
  std::printf("ok: 1 publication reached %zu client%s on %s (position %s) in %.1f ms\n",
              options.clients, options.clients == 1 ? "" : "s", report->edges.c_str(),
              report->position.c_str(), report->milliseconds);
  return 0;
}

int RunPublish() {
  RefuseFlags("publish", {"ws", "clients", "last", "count"});
  const std::vector<std::string> groups = absl::GetFlag(FLAGS_group);
  if (groups.size() != 1) Refuse("publish needs one --group");
  const std::optional<std::string> message = absl::GetFlag(FLAGS_message);
  if (!message.has_value()) Refuse("publish needs --message (--message= for an empty one)");
  v1::PublishRequest request;
  request.set_group_id(groups.front());
  request.set_message(*message);
  request.set_json(absl::GetFlag(FLAGS_json));
  request.set_key(absl::GetFlag(FLAGS_key));
  const std::string address = absl::GetFlag(FLAGS_grpc);
  const auto response = Service(address).Publish(request, Timeout());
  if (!response.ok()) return Fail(At("publish to " + address, response.status()));
  PrintJson(*response);
  return 0;
}

int RunSubscribe() {
  RefuseFlags("subscribe", {"ws", "clients", "message", "json", "key"});
  v1::SubscribeRequest request;
  for (const std::string& group : absl::GetFlag(FLAGS_group)) {
    v1::Subscription& subscription = *request.add_subscribe();
    subscription.set_group_id(group);
    subscription.set_last(absl::GetFlag(FLAGS_last));
  }
  if (request.subscribe().empty()) Refuse("subscribe needs a --group");
  const uint32_t count = absl::GetFlag(FLAGS_count);
  uint32_t publications = 0;
  const std::string address = absl::GetFlag(FLAGS_grpc);
  const absl::Status status =
      Service(address).Subscribe(request, Timeout(), [&](const v1::Event& event) {
        PrintJson(event);
        publications += event.has_publication() ? 1 : 0;
        return count == 0 || publications < count;
      });
  return status.ok() ? 0 : Fail(At("subscribe at " + address, status));
}

int Main(int argc, char** argv) {
  std::string command = "prove";
  if (argc > 1 && argv[1][0] != '-') {
    command = argv[1];
    argv[1] = argv[0];
    --argc;
    ++argv;
  }
  ParseFlags(argc, argv, kUsage, "tests/support/probe/");
  CheckAddress("--grpc", absl::GetFlag(FLAGS_grpc));
  if (command == "prove") return RunProve();
  if (command == "publish") return RunPublish();
  if (command == "subscribe") return RunSubscribe();
  Refuse("unknown command " + command + "; there are prove, publish and subscribe");
}

}  // namespace
}  // namespace channel::probe

int main(int argc, char** argv) { return channel::probe::Main(argc, argv); }
