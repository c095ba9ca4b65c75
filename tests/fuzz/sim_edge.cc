#include "tests/fuzz/sim_edge.h"

#include <sys/socket.h>

#include <array>
#include <boost/beast/http/verb.hpp>
#include <utility>

#include "tests/fuzz/fuzz_input.h"

namespace fuzz {
namespace {

namespace http = boost::beast::http;

channel::HttpRequest UpgradeRequest(bool enveloped) {
  channel::HttpRequest request{http::verb::get, "/", 11};
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::connection, "Upgrade");
  request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
  request.set(http::field::sec_websocket_version, "13");
  if (enveloped) {
    request.set(http::field::sec_websocket_protocol,
                {edge::kEnvelopedSubprotocol.data(), edge::kEnvelopedSubprotocol.size()});
  }
  return request;
}

}  // namespace

SimEdge::SimEdge(boost::asio::io_context& loop, const std::string& name, SimService& service,
                 const channel::Clock& clock, const edge::EdgeLimits& limits, bool trace)
    : loop_(loop),
      name_(name),
      flush_list_(loop),
      wire_(service, clock, limits, metrics_, name, trace),
      groups_(limits, metrics_, clock, wire_.link()),
      context_{name_, name_, name_, limits, metrics_, flush_list_, *this, clock, service_away_},
      unpaced_limits_(limits),
      plain_context_{name_,       name_, name_, unpaced_limits_, metrics_,
                     flush_list_, *this, clock, service_away_} {
  unpaced_limits_.pace.commands.per_second = 0;
  wire_.link().Start(&groups_);
}

SimEdge::~SimEdge() {
  for (const auto& [id, session] : sessions_) {
    groups_.LeaveAll(*session);
    session->Abort();
  }
  loop_.restart();
  loop_.poll();  // what keeps a session alive ends
  if (!sessions_.empty()) Fail("a session outlives its connection");
}

int SimEdge::Accept(bool enveloped, int send_buffer_bytes) {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    Fail("no socket pair");
  }
  if (send_buffer_bytes > 0) {
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
  }
  edge::Socket socket(loop_.get_executor());
  socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
  const uint64_t id = ++last_session_id_;
  auto session =
      std::make_shared<edge::Session>(enveloped ? context_ : plain_context_, id, std::move(socket));
  sessions_.emplace(id, session);
  session->Start(UpgradeRequest(enveloped));
  return ends[1];
}

bool SimEdge::held(uint64_t session_id) const {
  const auto found = sessions_.find(session_id);
  return found == sessions_.end() || found->second->held();
}

void SimEdge::Tick() {
  groups_.OnTick();
  wire_.Tick();
  // Sessions whose close frame was not answered; here they had time enough.
  for (const auto& weak : std::exchange(closing_, {})) {
    if (const auto session = weak.lock()) session->Abort();
  }
  for (const auto& weak : std::exchange(held_, {})) {
    const auto session = weak.lock();
    if (session == nullptr) continue;
    session->GoOnReading();
    if (session->held()) held_.push_back(weak);
  }
}

void SimEdge::OnCommand(edge::Session* session, edge::Command&& command) {
  groups_.OnCommand(*session, std::move(command));
}

void SimEdge::OnSessionOver(edge::Session* session, const edge::CloseReason&) {
  groups_.LeaveAll(*session);
  sessions_.erase(session->id());
}

void SimEdge::OnReadHeld(edge::Session* session) { held_.push_back(session->weak_from_this()); }

void SimEdge::OnSessionClosing(edge::Session* session) {
  closing_.push_back(session->weak_from_this());
}

}  // namespace fuzz
