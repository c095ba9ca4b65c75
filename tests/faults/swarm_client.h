// One client of the enveloped dialect as a good browser client behaves, light enough for thousands.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/swarm_connection.h"
#include "tests/support/resume_model.h"

namespace faults {

struct SwarmClientOptions {
  std::string name;
  std::string source_address;               // e.g. "127.0.0.7"; empty = the kernel chooses
  std::vector<std::string> groups;          // joins them
  std::optional<int> receive_buffer_bytes;  // SO_RCVBUF
  // Machines with edges on the swarm's port; the next one in turn when a connection is lost.
  std::vector<std::string> servers = {"127.0.0.1"};
  // For the answer to its own ping, which it sends when an interval of the edge's pings was silent.
  std::chrono::milliseconds pong_timeout{10'000};
};

// Publishes so much, and goes on until it is told to stop.
struct SendPlan {
  std::uint32_t sender = 0;  // unique in the run
  std::vector<std::string> groups;
  double per_second = 0;
  std::size_t unanswered_max = 8;
  std::size_t body_bytes = 0;
  // Without keys nothing is sent twice: what a lost connection leaves unanswered is given up.
  bool keyed = true;
  // The first publication comes so much later: senders that start together do not stay together.
  std::chrono::milliseconds delay{0};
};

// Shared by all clients of a swarm.
struct SwarmContext {
  boost::asio::io_context& loop;
  std::uint16_t port;
  EpochNumbers& epochs;
  PublicationLogs& publications;
  std::mt19937_64& random;
};

// Keeps its groups joined for ever: it reconnects (a random time inside the window that the edge
// named), joins again since its positions, sends what was not answered again, in order and with the
// same keys, and
// drops what it knows by its key. Everything that arrives is logged as it came, before that filter.
// Loop thread only.
class SwarmClient final : private SwarmConnection::Observer {
 public:
  struct Counts {
    std::uint64_t connects = 0;
    std::uint64_t resumes = 0;
    std::uint64_t retryable_errors = 0;
    std::map<int, std::uint64_t> closes;  // by close code; 1006 = without a close frame
    std::uint64_t lost = 0;               // those with 1006 that had been welcome
    std::uint64_t byes = 0;
    std::vector<std::string> surprises;  // events and errors that must not come
  };

  SwarmClient(SwarmContext& context, SwarmClientOptions options);
  ~SwarmClient();
  SwarmClient(const SwarmClient&) = delete;
  SwarmClient& operator=(const SwarmClient&) = delete;

  void Start();
  // Leaves the network without a word and keeps its positions.
  void GoAway();
  void ComeBack();
  // Stops or goes on taking bytes from its socket.
  void SetReading(bool reading);
  void StartSending(SendPlan plan);
  // Sends nothing new; what is unanswered is still repeated.
  void StopSending() { sending_ = false; }
  // Called every few milliseconds.
  void OnTick(Time now);

  // All groups are joined on the connection that it has now.
  bool joined() const;
  bool away() const { return away_; }
  // Closed with a code of 4500 or more: it does not connect again.
  bool told_to_stay_away() const { return stopped_ && !connect_at_ && connection_ == nullptr; }
  // Publications that wait for an answer, or a position before its group's head, in words. Empty
  // if there is none, or if it is away.
  std::string Unanswered() const;
  std::string Behind(const std::map<std::string, Position>& heads) const;
  // The name of the edge that it is connected to.
  const std::string& edge() const { return edge_; }
  // The machine that it is, or will be, connected to.
  const std::string& server() const { return options_.servers[server_]; }
  const Counts& counts() const { return counts_; }
  std::size_t logs_count() const { return memberships_.size(); }
  const MemberLog& log(std::size_t group_index) const { return memberships_[group_index].log; }
  // One log for each group.
  std::vector<MemberLog> TakeLogs();
  // The same, and each log begins again where its member stands.
  std::vector<MemberLog> CutLogs();

 private:
  static constexpr int kAbnormalClosure = 1006;  // RFC 6455, section 7.1.5: no close frame came
  // Keys of this many messages are remembered for each group.
  static constexpr std::size_t kKeysMax = 4096;

  struct Membership {
    MemberLog log;
    support::ResumeModel<Position> place;
    bool joined = false;
    std::int64_t join_id = 0;
    std::optional<Time> join_again_at;
    std::unordered_set<std::string> keys;
    std::deque<std::string> keys_in_order;
  };
  struct Pending {
    MessageId id;
    std::string group;
    std::string key;
    std::int64_t command_id = 0;
    std::optional<Time> again_at;
  };

  // SwarmConnection::Observer
  void OnText(std::string_view text) override;
  void OnClosed(int code) override;

  void Connect();
  void Disconnect(int code = kAbnormalClosure);
  void StartReconnectWait();
  void Join(Membership& membership);
  void SendPublication(Pending& publication);
  void SendNew(Time now);
  void OnWelcome(const boost::json::object& event);
  void OnOk(const boost::json::object& event);
  // `body`: the text of the message as it stands in the JSON.
  void OnMessage(const boost::json::object& event, std::string_view body);
  void OnGap(const boost::json::object& event);
  void OnError(const boost::json::object& event);
  void OnBye(const boost::json::object& event);
  bool IsRepeat(Membership& membership, const boost::json::object& event);
  Membership* Find(const boost::json::object& event);
  void Surprise(std::string_view what, const boost::json::object& event);
  std::chrono::milliseconds Random(std::chrono::milliseconds low, std::chrono::milliseconds high);

  SwarmContext& context_;
  const SwarmClientOptions options_;
  std::vector<Membership> memberships_;
  std::shared_ptr<SwarmConnection> connection_;
  bool welcomed_ = false;
  bool reading_ = true;
  bool away_ = false;
  bool stopped_ = false;  // the edge does not want it back
  std::string edge_;
  std::size_t server_ = 0;
  int attempts_ = 0;
  std::optional<Time> connect_at_;
  Time connect_deadline_{};
  Time heard_at_{};
  bool ping_sent_ = false;
  std::chrono::milliseconds ping_interval_{25'000};
  std::pair<std::chrono::milliseconds, std::chrono::milliseconds> reconnect_window_;
  bool bye_ = false;

  std::string head_;  // of a message event, while it is read
  std::optional<SendPlan> plan_;
  bool sending_ = false;
  Time next_send_{};
  std::uint32_t last_number_ = 0;
  std::int64_t last_command_ = 0;
  std::deque<Pending> unanswered_;
  Counts counts_;
};

}  // namespace faults
