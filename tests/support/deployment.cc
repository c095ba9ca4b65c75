#include "tests/support/deployment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace support {
namespace {

std::string MakeFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "channel-test-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw TestFailure("cannot make " + path);
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::uint16_t PortOf(const boost::json::object& state, const char* key) {
  const std::string address(state.at(key).as_string());
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

void Append(std::vector<std::string>& flags, const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
}

}  // namespace

Deployment::Deployment(DeploymentOptions options)
    : options_(std::move(options)), folder_(MakeFolder()) {
  for (int number = 1; number <= options_.services; ++number) {
    service_ports_.push_back(std::make_unique<ReservedPort>());
    services_.push_back(StartService(number));
  }
  for (Node& node : services_) AwaitListening(node);
  for (int number = 1; number <= options_.edges; ++number) edges_.push_back(StartEdge(number));
  for (Node& node : edges_) AwaitListening(node);
  for (Node& node : services_) Await(node.name + " ready", [&] { return node.Readiness() == 200; });
  for (Node& node : edges_) Await(node.name + " ready", [&] { return node.Readiness() == 200; });
}

Deployment::~Deployment() {
  // All at once, then one after the other: edges close their sessions while the services still run.
  for (Node& node : edges_) {
    if (node.process) node.process->Signal(SIGTERM);
  }
  for (std::vector<Node>* nodes : {&edges_, &services_}) {
    for (Node& node : *nodes) {
      if (node.process) node.process->Stop();
    }
  }
  edges_.clear();
  services_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Deployment::StateFile(const std::string& name) const {
  return folder_ + "/" + name + ".json";
}

void Deployment::AwaitListening(Node& node) const {
  const std::string path = StateFile(node.name);
  Await(node.name + " listens (state file)", [&] {
    if (!node.process->Running()) {
      throw TestFailure(node.name + " ended at start:\n" + node.process->StderrText());
    }
    return std::filesystem::exists(path);
  });
  const std::string text = ReadFile(path);
  boost::json::error_code error;
  const boost::json::value state = boost::json::parse(text, error);
  if (error || !state.is_object()) throw TestFailure("bad state file: " + text);
  if (state.at("name").as_string() != node.name.c_str()) throw TestFailure("bad name: " + text);
  if (state.at("pid").as_int64() != node.process->pid()) throw TestFailure("bad pid: " + text);
  node.port = PortOf(state.as_object(), "listen");
  node.admin_port = PortOf(state.as_object(), "admin");
}

Node Deployment::StartService(int number) {
  Node node;
  node.name = number == 1 ? "service" : "service-" + std::to_string(number);
  std::error_code ignored;
  std::filesystem::remove(StateFile(node.name), ignored);  // a killed one leaves it behind
  std::vector<std::string> flags{
      "--name=" + node.name,
      "--listen=127.0.0.1:" + std::to_string(service_port(number)),
      "--admin_listen=127.0.0.1:0",
      "--drain_time=1s",
      "--state_file=" + StateFile(node.name),
  };
  Append(flags, options_.service_flags);
  node.process = std::make_unique<Process>(ProcessOptions{
      BinaryPath("channel_service"), std::move(flags), options_.service_descriptors_max});
  return node;
}

void Deployment::KillServiceAtRest() {
  Await("the service's answers",
        [&] { return EdgeMetric("channel_edge_publications_unanswered") == 0; });
  service().process->Kill();
}

void Deployment::StartServiceAgain(int number) {
  service(number).process.reset();
  service(number) = StartService(number);
  AwaitListening(service(number));
}

Node& Deployment::AddEdge() {
  edges_.push_back(StartEdge(static_cast<int>(edges_.size()) + 1));
  Node& node = edges_.back();
  AwaitListening(node);
  Await(node.name + " ready", [&] { return node.Readiness() == 200; });
  return node;
}

void Deployment::StartEdgeAgain(int number) {
  edge(number).process.reset();
  edge(number) = StartEdge(number);
  AwaitListening(edge(number));
}

Node Deployment::StartEdge(int number) {
  Node node;
  node.name = "edge-" + std::to_string(number);
  std::error_code ignored;
  std::filesystem::remove(StateFile(node.name), ignored);  // a killed one leaves it behind
  std::string upstream;
  for (int service = 1; service <= options_.services; ++service) {
    const std::uint16_t port = service_port(service);
    upstream +=
        (upstream.empty() ? "127.0.0.1:" : ",127.0.0.1:") +
        std::to_string(options_.edge_upstream ? options_.edge_upstream(number, port) : port);
  }
  std::vector<std::string> flags{
      "--name=" + node.name,   "--listen=127.0.0.1:" + std::to_string(edge_port()),
      "--channel=" + upstream, "--admin_listen=127.0.0.1:0",
      "--drain_time=1s",       "--state_file=" + StateFile(node.name),
  };
  Append(flags, options_.edge_flags);
  node.process = std::make_unique<Process>(
      ProcessOptions{BinaryPath("ws_edge"), std::move(flags), options_.edge_descriptors_max});
  return node;
}

double Deployment::EdgeMetric(const std::string& series) const {
  double sum = 0;
  for (const Node& node : edges_) sum += node.Metric(series);
  return sum;
}

}  // namespace support
