// One publication on its way from upstream into the queues of the group's members. Sessions are
// real, on socket pairs that nobody reads until the clock stands still: only queueing is timed, the
// counter turn_ns has the whole turn with its sends.
#include <benchmark/benchmark.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/descriptors.h"
#include "tests/bench/micro/allocations.h"
#include "tests/support/fake_upstream.h"
#include "ws_edge/groups/group_table.h"
#include "ws_edge/limits.h"
#include "ws_edge/session/session.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {
namespace {

namespace http = boost::beast::http;

constexpr char kGroup[] = "bench";
constexpr char kEpoch[] = "abcdefghjkmn";

// An edge without listener, link and timers; all its sessions are in one group.
class MicroEdge final : private SessionObserver {
 public:
  MicroEdge(int64_t members, bool enveloped) {
    spdlog::set_level(spdlog::level::off);  // standard output is the figures'
    if (!channel::RaiseDescriptorLimit().ok()) std::abort();
    upstream_.Start(&groups_);
    for (int64_t i = 0; i < members; ++i) Accept(enveloped);
    loop_.poll();
    for (const auto& session : sessions_) {
      groups_.OnCommand(*session, Command{.group_id = kGroup});
    }
    upstream_.Confirm(kGroup, 0, /*recovered=*/true, /*due=*/0, kEpoch);
    publication_.set_group_id(kGroup);
    publication_.set_message(std::string(32, 'x'));
    publication_.set_time_unix_ms(1'700'000'000'000);
    EndTurn();
  }
  ~MicroEdge() {
    for (const auto& session : sessions_) {
      groups_.LeaveAll(*session);
      session->Abort();
    }
    loop_.restart();
    loop_.poll();
    for (const int peer : peers_) ::close(peer);
  }
  MicroEdge(const MicroEdge&) = delete;
  MicroEdge& operator=(const MicroEdge&) = delete;

  void Publish() {
    publication_.set_previous_offset(publication_.offset());
    publication_.set_offset(publication_.offset() + 1);
    upstream_.link()
        .subscriptions()
        .Find(publication_.group_id())
        ->OnPublication(publication_, /*alone=*/false);
  }

  // Sends what is queued.
  void EndTurn() {
    loop_.restart();
    loop_.poll();
  }

  // Empties the members' sockets; returns the bytes.
  size_t Drain() {
    size_t bytes = 0;
    for (const int peer : peers_) {
      for (ssize_t got = 0;
           (got = ::recv(peer, scratch_.data(), scratch_.size(), MSG_DONTWAIT)) > 0;) {
        bytes += static_cast<size_t>(got);
      }
    }
    return bytes;
  }

 private:
  void Accept(bool enveloped) {
    std::array<int, 2> ends;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      std::abort();
    }
    Socket socket(loop_.get_executor());
    socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
    peers_.push_back(ends[1]);
    sessions_.push_back(std::make_shared<Session>(context_, peers_.size(), std::move(socket)));
    channel::HttpRequest request{http::verb::get, "/", 11};
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
    request.set(http::field::sec_websocket_version, "13");
    if (enveloped) {
      request.set(http::field::sec_websocket_protocol,
                  {kEnvelopedSubprotocol.data(), kEnvelopedSubprotocol.size()});
    }
    sessions_.back()->Start(request);
  }

  void OnCommand(Session* session, Command&& command) override {
    groups_.OnCommand(*session, std::move(command));
  }
  void OnSessionOver(Session*, const CloseReason&) override {}
  void OnSessionClosing(Session*) override {}
  void OnMessageIncomplete(Session*, bool) override {}
  void OnReadHeld(Session*) override {}

  boost::asio::io_context loop_{1};
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::SystemClock clock_;
  LoopFlushList flush_list_{loop_};
  test::FakeUpstream upstream_{clock_, metrics_};
  GroupTable groups_{limits_, metrics_, clock_, upstream_.link()};
  const std::string name_ = "bench";
  const bool service_away_ = false;
  SessionContext context_{name_,       name_, name_,  limits_,      metrics_,
                          flush_list_, *this, clock_, service_away_};
  std::vector<std::shared_ptr<Session>> sessions_;
  std::vector<int> peers_;
  std::vector<char> scratch_ = std::vector<char>(64 << 10);
  channel::v1::Publication publication_;
};

// In each turn so many publications come for so many members. An operation is a delivery.
void FanOut(benchmark::State& state, int members, int pending, bool enveloped) {
  MicroEdge edge(members, enveloped);
  const auto warm_up_turns = static_cast<int>(kRecentPublicationsMax) / pending + 1;
  for (int turn = 0; turn < warm_up_turns; ++turn) {  // fills the ring, lets queues grow
    for (int i = 0; i < pending; ++i) edge.Publish();
    edge.EndTurn();
    edge.Drain();
  }
  uint64_t allocations = 0;
  std::chrono::duration<double> whole_turns{};
  for (auto _ : state) {
    const uint64_t before = channel::bench::AllocationCount();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < pending; ++i) edge.Publish();
    const auto queued = std::chrono::steady_clock::now();
    edge.EndTurn();
    whole_turns += std::chrono::steady_clock::now() - begin;
    allocations += channel::bench::AllocationCount() - before;
    if (edge.Drain() == 0) std::abort();  // nothing was delivered
    state.SetIterationTime(std::chrono::duration<double>(queued - begin).count());
  }
  const auto deliveries = state.iterations() * pending * members;
  state.SetItemsProcessed(deliveries);
  state.counters["turn_ns"] = whole_turns.count() * 1e9 / static_cast<double>(deliveries);
  // Calls of a turn, not of a delivery: they must not grow with the members.
  channel::bench::ReportAllocations(state, allocations, static_cast<uint64_t>(state.iterations()));
}

// A fixed number of turns, because most of a turn is not timed.
[[maybe_unused]] const bool registered = [] {
  for (const bool enveloped : {false, true}) {
    for (const int pending : {1, 8}) {
      for (const int members : {1, 10, 100, 1000}) {
        const std::string name = std::string("edge/fanout/") +
                                 (enveloped ? "enveloped/" : "plain/") + std::to_string(pending) +
                                 "/" + std::to_string(members);
        benchmark::RegisterBenchmark(name.c_str(), FanOut, members, pending, enveloped)
            ->UseManualTime()
            ->Iterations(40'000 / (members + 19));
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace edge
