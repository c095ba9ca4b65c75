#include "tests/support/nats_server.h"

#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/support/http.h"

namespace support {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// One question to a server that may be away; a local server answers in a millisecond.
constexpr Duration kQuestionPatience{1000};

// CHANNEL_NATS_SERVER, or the first of these that is there.
std::string FindProgram(const std::vector<std::string>& paths) {
  if (const char* const given = std::getenv("CHANNEL_NATS_SERVER")) return given;
  for (const std::string& path : paths) {
    if (fs::exists(path)) return path;
  }
  throw TestFailure("nats-server is not installed (tests/run.sh does it)");
}

constexpr const char* kDebians = "/usr/sbin/nats-server";
constexpr const char* kInstalledWithGo = CHANNEL_SOURCE_DIR "/build/tools/nats-server";

std::string MakeFolder() {
  std::string path = (fs::temp_directory_path() / "channel-test-nats-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw TestFailure("cannot make a folder " + path);
  return path;
}

// Longer than servers of a cluster need to find each other.
constexpr Duration kClusterPatience{6000};

// The state of the cluster's servers, as an answer of /jsz tells it.
struct ClusterView {
  std::int64_t size = 0;                // how many it has, as far as the server knows
  std::vector<std::string> names = {};  // the leader's, and from the leader also the others'

  bool IsWhole(std::size_t servers) const {
    return static_cast<std::size_t>(size) == servers && names.size() == servers;
  }
  bool LeavesOut(const std::string& name) const {
    return names.size() > 1 && static_cast<std::size_t>(size) == names.size() &&
           std::find(names.begin(), names.end(), name) == names.end();
  }
};

ClusterView ClusterIn(const std::string& jsz) {
  ClusterView view;
  json::error_code error;
  const json::value said = json::parse(jsz, error);
  const json::value* const size = said.find_pointer("/meta_cluster/cluster_size", error);
  const json::value* const leader = said.find_pointer("/meta_cluster/leader", error);
  const json::value* const others = said.find_pointer("/meta_cluster/replicas", error);
  if (size != nullptr && size->is_int64()) view.size = size->get_int64();
  if (leader == nullptr || !leader->is_string()) return view;
  view.names.emplace_back(leader->get_string());
  if (others == nullptr || !others->is_array()) return view;
  for (const json::value& other : others->get_array()) {
    view.names.emplace_back(other.at("name").as_string());
  }
  return view;
}

// The body of a good answer; empty if there is none.
std::string Ask(std::uint16_t port, const std::string& path) {
  try {
    // HTTP/1.0, or longer answers come in chunks.
    const HttpResponse response =
        HttpExchange(port, "GET " + path + " HTTP/1.0\r\n\r\n", kQuestionPatience);
    return response.status == 200 ? response.body : "";
  } catch (const TestFailure&) {
    return "";
  }
}

}  // namespace

std::string NatsClusterProgram() { return FindProgram({kInstalledWithGo, kDebians}); }

std::string WhyNoLossOfNatsServers() {
  const std::string program = NatsClusterProgram();
  std::FILE* const pipe = ::popen(("'" + program + "' --version").c_str(), "re");
  if (pipe == nullptr) throw TestFailure("popen");
  int major = 0;
  int minor = 0;
  const int read = std::fscanf(pipe, "nats-server: v%d.%d", &major, &minor);
  ::pclose(pipe);
  if (read != 2) return "the version of " + program + " is not known";
  if (major > 2 || (major == 2 && minor >= 10)) return "";
  return program + " is older than 2.10: its replicas may differ after the loss of a leader " +
         "(tests/run.sh installs a newer one where Go is present)";
}

std::string LeaderIn(const std::string& jsz, const std::string& stream) {
  json::error_code error;
  const json::value said = json::parse(jsz, error);
  const json::value* const accounts = said.find_pointer("/account_details", error);
  if (accounts == nullptr || !accounts->is_array()) return "";
  for (const json::value& account : accounts->get_array()) {
    const json::value* const streams = account.find_pointer("/stream_detail", error);
    if (streams == nullptr || !streams->is_array()) continue;
    for (const json::value& detail : streams->get_array()) {
      const json::value* const name = detail.find_pointer("/name", error);
      const json::value* const leader = detail.find_pointer("/cluster/leader", error);
      if (name == nullptr || leader == nullptr || !leader->is_string()) continue;
      if (*name == json::string(stream)) return std::string(leader->get_string());
    }
  }
  return "";
}

void AwaitCluster(const std::vector<std::string>& names,
                  const std::function<std::string(std::size_t index)>& ask,
                  const std::function<void(std::size_t index)>& start_again) {
  const Deadline judged = After(kClusterPatience);
  bool mended = false;
  const auto whole = [&] {
    for (std::size_t asked = 0; asked < names.size(); ++asked) {
      const ClusterView view = ClusterIn(ask(asked));
      if (view.IsWhole(names.size())) return true;
      for (std::size_t other = 0; other < names.size(); ++other) {
        if (mended || MillisecondsLeft(judged) > 0 || !view.LeavesOut(names[other])) continue;
        std::cerr << names[other] << " was left out of the cluster and is started again\n";
        start_again(other);
        mended = true;
      }
    }
    return false;
  };
  // Twice as long: one may have to start again.
  Await("the nats-servers are one cluster and have a leader", whole, 2 * kPatience);
}

NatsServer::NatsServer()
    : NatsServer(FindProgram({kDebians, kInstalledWithGo}), "alone", true, "") {
  Start();
}

std::unique_ptr<NatsServer> NatsServer::WithoutJetStream() {
  std::unique_ptr<NatsServer> server(
      new NatsServer(FindProgram({kDebians, kInstalledWithGo}), "alone", false, ""));
  server->Start();
  return server;
}

std::unique_ptr<NatsServer> NatsServer::With(const std::string& more) {
  std::unique_ptr<NatsServer> server(
      new NatsServer(FindProgram({kDebians, kInstalledWithGo}), "alone", true, more));
  server->Start();
  return server;
}

NatsServer::NatsServer(std::string program, std::string name, bool jetstream, std::string more)
    : program_(std::move(program)),
      name_(std::move(name)),
      folder_(MakeFolder()),
      config_path_(folder_ + "/nats.conf"),
      jetstream_(jetstream),
      more_(std::move(more)) {
  WriteConfig();
}

void NatsServer::SetJetStream(bool jetstream) {
  jetstream_ = jetstream;
  WriteConfig();
}

void NatsServer::SetMore(std::string more) {
  more_ = std::move(more);
  WriteConfig();
}

void NatsServer::WriteConfig() const {
  std::ofstream config(config_path_);
  config << "server_name: " << name_ << "\nlisten: \"127.0.0.1:" << port_.number()
         << "\"\nhttp: \"127.0.0.1:" << monitoring_.number() << "\"\n";
  if (jetstream_) {
    config << "jetstream {\n  store_dir: \"" << data_folder()
           << "\"\n  max_memory_store: 256MB\n  max_file_store: 8GB\n}\n";
  }
  config << more_;
}

NatsServer::~NatsServer() {
  process_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string NatsServer::url() const { return "nats://127.0.0.1:" + std::to_string(port_.number()); }

bool NatsServer::Answers() const { return !Ask(monitoring_.number(), "/healthz").empty(); }

void NatsServer::Start() {
  Launch();
  AwaitAnswer();
}

void NatsServer::Launch() {
  ProcessOptions options;
  options.program = program_;
  options.arguments = {"--config", config_path_};
  process_ = std::make_unique<Process>(std::move(options));
  frozen_ = false;
}

void NatsServer::AwaitAnswer() const {
  Await(name_ + " answers", [this] { return !process_->Running() || Answers(); });
  MustRun();
}

void NatsServer::MustRun() const {
  if (!process_->Running()) throw TestFailure("nats-server ended: " + process_->StderrText());
}

void NatsServer::Kill() { process_->Kill(); }

void NatsServer::Freeze() {
  process_->Signal(SIGSTOP);
  frozen_ = true;
  // It may say a last word until then.
  Await(name_ + " stands still", [this] {
    std::ifstream stat("/proc/" + std::to_string(process_->pid()) + "/stat");
    std::string pid;
    std::string program;
    std::string state;
    return stat >> pid >> program >> state && state == "T";
  });
}

void NatsServer::Thaw() {
  process_->Signal(SIGCONT);
  frozen_ = false;
}

void NatsServer::RemoveData() {
  if (process_->Running()) throw TestFailure("nats-server still uses its data");
  fs::remove_all(data_folder());
}

NatsCluster::NatsCluster() {
  std::string routes;
  for (std::size_t i = 0; i < kServers; ++i) {
    routes_.push_back(std::make_unique<ReservedPort>());
    routes += "\"nats-route://127.0.0.1:" + std::to_string(routes_.back()->number()) + "\", ";
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    const std::string cluster = "cluster {\n  name: test\n  listen: \"127.0.0.1:" +
                                std::to_string(routes_.at(i)->number()) + "\"\n  routes: [" +
                                routes + "]\n}\n";
    servers_.emplace_back(
        new NatsServer(NatsClusterProgram(), "node" + std::to_string(i), true, cluster));
  }
  Start();
}

void NatsCluster::Kill() {
  for (const auto& server : servers_) server->Kill();
}

void NatsCluster::Start() {
  for (const auto& server : servers_) server->Launch();
  std::vector<std::string> names;
  for (const auto& server : servers_) names.push_back(server->name());
  const auto ask = [this](std::size_t index) {
    server(index).MustRun();
    return Ask(server(index).monitoring_port(), "/jsz");
  };
  AwaitCluster(names, ask, [this](std::size_t index) {
    server(index).Kill();
    server(index).Launch();
  });
  for (const auto& server : servers_) server->AwaitAnswer();
}

std::vector<std::string> NatsCluster::urls() const {
  std::vector<std::string> urls;
  for (const auto& server : servers_) urls.push_back(server->url());
  return urls;
}

NatsServer& NatsCluster::LeaderOf(const std::string& stream) {
  NatsServer* leader = nullptr;
  Await("a leader of stream " + stream, [&] { return (leader = FindLeader(stream)) != nullptr; });
  return *leader;
}

NatsServer* NatsCluster::FindLeader(const std::string& stream) {
  std::string leader;
  for (const auto& server : servers_) {
    if (!server->process_->Running() || server->frozen_) continue;
    const std::string named = LeaderIn(Ask(server->monitoring_port(), "/jsz?streams=true"), stream);
    if (named.empty() || (!leader.empty() && named != leader)) return nullptr;
    leader = named;
  }
  for (const auto& server : servers_) {
    if (server->name() == leader && server->process_->Running()) return server.get();
  }
  return nullptr;
}

}  // namespace support
