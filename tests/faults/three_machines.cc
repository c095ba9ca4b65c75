#include "tests/faults/three_machines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <utility>

#include "tests/support/http.h"
#include "tests/support/metrics.h"
#include "tests/support/nats_server.h"
#include "tests/support/process.h"

namespace faults {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using support::Duration;
using support::TestFailure;

const std::string kSource = CHANNEL_SOURCE_DIR;
const std::string kScript = kSource + "/tests/faults/three_machines.sh";
constexpr std::uint16_t kNatsPort = 4222;
constexpr std::uint16_t kNatsClusterPort = 6222;
// start.sh and status.sh bound their own waits; this is for what they do not foresee.
constexpr Duration kCommandPatience{20'000};

// Exit code of a command; its output is shown if the test fails.
int Run(std::vector<std::string> words) {
  words.insert(words.begin(), "PATH=/usr/bin:/bin:/usr/sbin:/sbin");
  support::Process process({"/usr/bin/env", words, {}});
  const std::optional<int> code = process.WaitForExit(kCommandPatience);
  if (!code) throw TestFailure("does not end: " + words.at(1));
  return *code;
}

void MustRun(const std::vector<std::string>& words) {
  const int code = Run(words);
  if (code == 0) return;
  std::string text;
  for (const std::string& word : words) text += word + " ";
  throw TestFailure(text + "ended with " + std::to_string(code));
}

[[noreturn]] void Fail(const std::string& what) {
  throw TestFailure(what + ": " + std::strerror(errno));
}

void EnterNetwork(int descriptor) {
  if (::setns(descriptor, CLONE_NEWNET) != 0) Fail("setns");
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As much as a reader wants to see.
std::string EndOf(const std::string& text) {
  constexpr std::size_t kShownBytes = 4'000;
  if (text.size() <= kShownBytes) return text;
  return text.substr(text.find('\n', text.size() - kShownBytes) + 1);
}

// As channelctl calls it.
std::string NatsName(int machine) {
  return "channel-" + ThreeMachines::address(machine) + ":" + std::to_string(kNatsClusterPort);
}

std::string MakeFolder() {
  std::string path = (fs::temp_directory_path() / "channel-test-machines-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) Fail("cannot make " + path);
  return path;
}

}  // namespace

std::string ThreeMachines::WhyNot() {
  if (::geteuid() != 0) return "not root, so there are no network namespaces";
  const auto missing = [](const char* program) {
    return !fs::exists("/usr/sbin/" + std::string(program)) &&
           !fs::exists("/usr/bin/" + std::string(program)) &&
           !fs::exists("/sbin/" + std::string(program));
  };
  if (missing("ip")) return "ip is not installed (Debian's package iproute2)";
  if (Run({"unshare", "--net", "true"}) != 0) return "network namespaces are not allowed here";
  return support::WhyNoLossOfNatsServers();
}

ThreeMachines::ThreeMachines(const std::string& service_flags, const std::string& edge_flags)
    : run_("channel-test-" + std::to_string(::getpid())),
      service_flags_(service_flags),
      edge_flags_(edge_flags),
      folder_(MakeFolder()) {
  own_network_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own_network_ < 0) Fail("/proc/thread-self/ns/net");
  if (::unshare(CLONE_NEWNET) != 0) Fail("unshare");
  // "e": no child may keep this pipe open when the test is gone.
  guard_ = ::popen((kScript + " guard " + run_ + " " + folder_).c_str(), "we");
  if (guard_ == nullptr) Fail(kScript);
  MustRun({kScript, "up", run_});
  std::ofstream settings(folder_ + "/machines.env");
  for (int machine = 1; machine <= kMachines; ++machine) {
    settings << "MACHINE_" << machine << "=" << address(machine) << "\n";
  }
  settings << "WS_PORT=" << kEdgePort << "\nGRPC_PORT=" << kServicePort
           << "\nADMIN_PORT=2207\nNATS_PORT=" << kNatsPort
           << "\nNATS_CLUSTER_PORT=" << kNatsClusterPort << "\nEDGES=" << kEdges
           << "\nRUN_DIR=" << folder_ << "\n";
  settings.close();
  for (int machine = 1; machine <= kMachines; ++machine) Start(machine);
}

ThreeMachines::~ThreeMachines() {
  if (::testing::Test::HasFailure()) {
    for (int machine = 1; machine <= kMachines; ++machine) ShowLogs(machine);
  }
  if (guard_ != nullptr) ::pclose(guard_);
  if (own_network_ < 0) return;
  if (::setns(own_network_, CLONE_NEWNET) != 0) ADD_FAILURE() << "setns: " << std::strerror(errno);
  ::close(own_network_);
}

void ThreeMachines::ShowLogs(int machine) const {
  for (const char* const name : {"supervisor", "channel-1", "nats"}) {
    std::cerr << "--- machine " << machine << ", the end of " << name << ".log\n"
              << EndOf(ReadFile(RunDirectory(machine) + "/logs/" + name + ".log")) << "---\n";
  }
}

std::vector<std::string> ThreeMachines::addresses(int first, std::uint16_t port) {
  std::vector<std::string> all;
  for (int i = 0; i < kMachines; ++i) {
    all.push_back(address((first - 1 + i) % kMachines + 1));
    if (port != 0) all.back() += ":" + std::to_string(port);
  }
  return all;
}

int ThreeMachines::RunScript(const std::string& script, int machine) {
  const std::string programs = fs::path(support::BinaryPath("ws_edge")).parent_path().string();
  return Run({"nsenter", "--net=/run/netns/" + Namespace(machine), "--", "env",
              "CHANNEL_MACHINES=" + folder_ + "/machines.env", "CHANNEL_BIN_DIR=" + programs,
              "CHANNEL_NATS_SERVER=" + support::NatsClusterProgram(),
              "CHANNEL_SERVICE_FLAGS=" + service_flags_, "CHANNEL_EDGE_FLAGS=" + edge_flags_,
              kSource + "/deploy/three_machines/" + script, std::to_string(machine)});
}

void ThreeMachines::Start(int machine) {
  const int code = RunScript("start.sh", machine);
  if (code != 0) throw TestFailure("start.sh ended with " + std::to_string(code));
}

void ThreeMachines::AwaitReady(int machine, Duration wait) {
  support::Await(
      "machine " + std::to_string(machine) + " is ready (status.sh)",
      [&] { return RunScript("status.sh", machine) == 0; }, wait);
}

void ThreeMachines::Kill(int machine) { MustRun({kScript, "kill", run_, std::to_string(machine)}); }

void ThreeMachines::Cut(int machine) {
  MustRun({"ip", "link", "set", "machine-" + std::to_string(machine), "nomaster"});
}

void ThreeMachines::Heal(int machine) {
  MustRun({"ip", "link", "set", "machine-" + std::to_string(machine), "master", "hub"});
}

void ThreeMachines::On(int machine, const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      const int network =
          ::open(("/run/netns/" + Namespace(machine)).c_str(), O_RDONLY | O_CLOEXEC);
      if (network < 0) Fail("/run/netns/" + Namespace(machine));
      EnterNetwork(network);
      ::close(network);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::string ThreeMachines::AskNats(int machine, const std::string& query) {
  std::string said;
  On(machine, [&] {
    try {
      said = support::HttpExchange(kNatsPort + 1, "GET /jsz" + query + " HTTP/1.0\r\n\r\n").body;
    } catch (const TestFailure&) {  // not yet there
    }
  });
  return said;
}

void ThreeMachines::AwaitCluster() {
  std::vector<std::string> names;
  for (int machine = 1; machine <= kMachines; ++machine) names.push_back(NatsName(machine));
  const auto machine = [](std::size_t index) { return static_cast<int>(index) + 1; };
  support::AwaitCluster(
      names, [&](std::size_t index) { return AskNats(machine(index), ""); },
      [&](std::size_t index) {
        RunScript("stop.sh", machine(index));
        Start(machine(index));
      });
}

int ThreeMachines::LeaderOf(const std::string& stream) {
  int leader = 0;
  support::Await("the machines agree on a leader of stream " + stream, [&] {
    std::string agreed;
    for (int machine = 1; machine <= kMachines; ++machine) {
      const std::string named = support::LeaderIn(AskNats(machine, "?streams=true"), stream);
      if (named.empty() || (!agreed.empty() && named != agreed)) return false;
      agreed = named;
    }
    for (int machine = 1; machine <= kMachines; ++machine) {
      if (agreed == NatsName(machine)) leader = machine;
    }
    return leader != 0;
  });
  return leader;
}

double ThreeMachines::EdgeMetric(int machine, int edge, const std::string& series) {
  const std::string path = RunDirectory(machine) + "/state/edge-" + std::to_string(edge);
  json::error_code error;
  const json::value state = json::parse(ReadFile(path), error);
  if (error || !state.is_object()) throw TestFailure("bad state file " + path);
  const std::string admin(state.at("admin").as_string());
  double value = 0;
  On(machine, [&] {
    const int port = std::stoi(admin.substr(admin.rfind(':') + 1));
    value = support::Metrics::Read(static_cast<std::uint16_t>(port)).Value(series);
  });
  return value;
}

std::string ThreeMachines::Crashes(int machine) const {
  std::ifstream log(RunDirectory(machine) + "/logs/supervisor.log");
  std::string crashes;
  for (std::string line; std::getline(log, line);) {
    if (line.find("was ended by signal") != std::string::npos) crashes += line + "\n";
  }
  return crashes;
}

}  // namespace faults
