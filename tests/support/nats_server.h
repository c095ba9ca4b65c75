#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/reserved_port.h"

namespace support {

// The nats-server of a cluster: CHANNEL_NATS_SERVER, or the newer one that tests/run.sh installed
// where Go is present, or Debian's. (Of a server that is alone: Debian's before the newer one.)
std::string NatsClusterProgram();

// Why no machine with one of these may be lost in a test, in words; empty if one may. After the
// loss of a leader 2.9.10 sometimes, after a partition always, keeps entries that no majority had,
// and its replica stays different for ever. 2.10.29 does not.
std::string WhyNoLossOfNatsServers();

// The name of the server that leads `stream`, from an answer of /jsz?streams=true; empty if it says
// none.
std::string LeaderIn(const std::string& jsz, const std::string& stream);

// Waits until servers that were just started are one cluster, `names` are what they call each
// other. `ask` gives the answer of one of them to /jsz, empty if there is none.
// When three of 2.10.29 begin a cluster at the same moment, sometimes (12 of 400 times) two of them
// count each other only, for ever, until the third starts again: `start_again` is called for it.
void AwaitCluster(const std::vector<std::string>& names,
                  const std::function<std::string(std::size_t index)>& ask,
                  const std::function<void(std::size_t index)>& start_again);

// A real nats-server on 127.0.0.1, with JetStream on disk unless it is made without. It keeps its
// ports and its folder over Kill and Start, and removes the folder when it is destroyed. For the
// test's main thread only (see Process); what does not happen in time is a TestFailure.
class NatsServer {
 public:
  // Runs, and JetStream answers.
  NatsServer();
  // Only brings messages from client to client.
  static std::unique_ptr<NatsServer> WithoutJetStream();
  // With more lines of configuration.
  static std::unique_ptr<NatsServer> With(const std::string& more);
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  std::string url() const;
  const std::string& name() const { return name_; }
  std::uint16_t monitoring_port() const { return monitoring_.number(); }
  bool Answers() const;  // its health check says ok

  // On the same ports and data; returns when it answers.
  void Start();
  void Kill();    // kill -9
  void Freeze();  // SIGSTOP: it is there, and says nothing …
  void Thaw();    // … SIGCONT: and goes on
  std::string data_folder() const { return folder_ + "/data"; }
  // Its configuration changes, while it does not run.
  void SetJetStream(bool jetstream);
  void SetMore(std::string more);
  // Its data is gone as with a new disk; while it does not run.
  void RemoveData();

 private:
  friend class NatsCluster;
  NatsServer(std::string program, std::string name, bool jetstream, std::string more);
  void WriteConfig() const;
  void Launch();
  void AwaitAnswer() const;
  void MustRun() const;  // or says why it ended

  const std::string program_;
  const std::string name_;
  ReservedPort port_;
  ReservedPort monitoring_;
  std::string folder_;
  std::string config_path_;
  bool jetstream_;
  std::string more_;
  std::unique_ptr<Process> process_;
  bool frozen_ = false;
};

// Three of them, with routes to each other: one JetStream cluster that has a leader.
class NatsCluster {
 public:
  static constexpr std::size_t kServers = 3;

  NatsCluster();

  NatsServer& server(std::size_t index) { return *servers_.at(index); }
  std::vector<std::string> urls() const;
  // All of them; Start returns when the cluster has a leader again.
  void Kill();
  void Start();
  // Whoever leads the stream, as soon as the servers that answer agree on one of them.
  NatsServer& LeaderOf(const std::string& stream);

 private:
  NatsServer* FindLeader(const std::string& stream);

  std::vector<std::unique_ptr<ReservedPort>> routes_;
  std::vector<std::unique_ptr<NatsServer>> servers_;
};

}  // namespace support
