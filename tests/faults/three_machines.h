// The example of deploy/three_machines on three machines, which are network namespaces.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/deadline.h"

namespace faults {

// A cable from each machine to one switch, a nats-server, a channel_service and two edges on each.
// The calling thread, which must be the test's main thread (see support::Process), gets a network
// namespace of its own with an address at that switch until the destructor, and so do the threads
// that it starts meanwhile: no other run and no firewall of the host is in the way. Everything is
// removed at the end, also when the test is killed (three_machines.sh). Needs root. An
// event that does not happen in time is a TestFailure.
class ThreeMachines {
 public:
  static constexpr int kMachines = 3;
  static constexpr int kEdges = 2;  // of each
  static constexpr std::uint16_t kEdgePort = 1234;
  static constexpr std::uint16_t kServicePort = 2206;

  // Why there cannot be such machines here, in words; empty if there can be.
  static std::string WhyNot();

  // More flags for the services, and for the edges, with spaces between them. Starts all
  // machines.
  ThreeMachines(const std::string& service_flags, const std::string& edge_flags);
  ~ThreeMachines();
  ThreeMachines(const ThreeMachines&) = delete;
  ThreeMachines& operator=(const ThreeMachines&) = delete;

  // Machines are numbered from 1.
  static std::string address(int machine) { return "10.77.0." + std::to_string(machine); }
  // Addresses of all, that of `first` first; each with ":port" unless port is 0.
  static std::vector<std::string> addresses(int first, std::uint16_t port = 0);

  // After the first start: until the nats-servers of all are one cluster.
  void AwaitCluster();
  void Start(int machine);  // start.sh
  // Until status.sh says that everything on this machine is ready.
  void AwaitReady(int machine, support::Duration wait);
  void Kill(int machine);  // kill -9 of everything on it; its disk stays
  // Nothing goes to or from the machine, and nobody is told: its link stays up.
  void Cut(int machine);
  void Heal(int machine);

  // The machine whose nats-server leads the stream; all machines must run.
  int LeaderOf(const std::string& stream);
  // Reads from an edge, counted from 1.
  double EdgeMetric(int machine, int edge, const std::string& series);
  // The supervisor's lines about processes of this machine that died of a signal; empty if none
  // did.
  std::string Crashes(int machine) const;

 private:
  std::string Namespace(int machine) const { return run_ + "-" + std::to_string(machine); }
  std::string RunDirectory(int machine) const { return folder_ + "/" + std::to_string(machine); }
  // Runs a script of the example on a machine; its exit code.
  int RunScript(const std::string& script, int machine);
  void ShowLogs(int machine) const;
  // Runs `work` on a thread that has the machine's network.
  void On(int machine, const std::function<void()>& work);
  // The answer of its nats-server to /jsz with this query; empty if there is none.
  std::string AskNats(int machine, const std::string& query);

  const std::string run_;
  const std::string service_flags_;
  const std::string edge_flags_;
  std::string folder_;
  std::FILE* guard_ = nullptr;
  int own_network_ = -1;
};

}  // namespace faults
