#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/http.h"
#include "tests/support/metrics.h"
#include "tests/support/process.h"
#include "tests/support/reserved_port.h"

namespace support {

struct DeploymentOptions {
  int edges = 1;
  int services = 1;  // nodes; more than one need an engine that they share, by service_flags
  std::vector<std::string> service_flags;  // behind those that the deployment gives itself
  std::vector<std::string> edge_flags;
  std::optional<std::uint64_t> service_descriptors_max;
  std::optional<std::uint64_t> edge_descriptors_max;
  // The port that an edge connects to instead of the service's: a proxy may sit between them.
  // Asked at each start of an edge.
  std::function<std::uint16_t(int edge_number, std::uint16_t service_port)> edge_upstream;
};

// One running process of a deployment and where it listens.
struct Node {
  std::string name;
  std::unique_ptr<Process> process;
  std::uint16_t port = 0;
  std::uint16_t admin_port = 0;

  double Metric(const std::string& series) const { return Metrics::Read(admin_port).Value(series); }
  // HTTP status of /readyz.
  int Readiness() const { return HttpGet(admin_port, "/readyz").status; }
};

// A channel_service (or several) and some ws_edge, real binaries: the edges "edge-1", "edge-2", …
// share one port, and know all services. The constructor returns when all of them are ready. The
// destructor stops them with SIGTERM (edges first) and fails the test if one does not end well.
class Deployment {
 public:
  explicit Deployment(DeploymentOptions options = {});
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  // The port that the edges share.
  std::uint16_t edge_port() const { return edge_port_.number(); }
  // `number` counts from 1, as for edges.
  std::uint16_t service_port(int number = 1) const {
    return service_ports_.at(static_cast<std::size_t>(number) - 1)->number();
  }

  Node& service(int number = 1) { return services_.at(static_cast<std::size_t>(number) - 1); }
  std::vector<Node>& services() { return services_; }
  // `number` counts from 1, as the names do.
  Node& edge(int number) { return edges_.at(static_cast<std::size_t>(number) - 1); }
  std::vector<Node>& edges() { return edges_; }

  // Sum of one metric over all edges.
  double EdgeMetric(const std::string& series) const;

  // Kills the service when it has answered all publications of the edges: those that it has not are
  // published again, and so may come twice where a service forgets.
  void KillServiceAtRest();
  // Starts the service again on its old port; it must have been stopped or killed. Returns when it
  // listens; edges find it by themselves.
  void StartServiceAgain(int number = 1);

  // One more edge on the shared port, ready.
  Node& AddEdge();
  // Starts an edge that was killed again, under its name. Returns when it listens.
  void StartEdgeAgain(int number);

 private:
  Node StartService(int number);
  Node StartEdge(int number);
  std::string StateFile(const std::string& name) const;
  void AwaitListening(Node& node) const;

  DeploymentOptions options_;
  std::string folder_;
  ReservedPort edge_port_;
  std::vector<std::unique_ptr<ReservedPort>> service_ports_;
  std::vector<Node> services_;
  std::vector<Node> edges_;
};

}  // namespace support
