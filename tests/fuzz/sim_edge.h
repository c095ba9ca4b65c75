// One edge of the simulation: the real groups, link and sessions, on socket pairs instead of TCP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/sim_service.h"
#include "tests/fuzz/sim_wire.h"
#include "ws_edge/groups/group_table.h"
#include "ws_edge/session/session.h"

namespace fuzz {

class SimEdge final : private edge::SessionObserver {
 public:
  SimEdge(boost::asio::io_context& loop, const std::string& name, SimService& service,
          const channel::Clock& clock, const edge::EdgeLimits& limits, bool trace);
  ~SimEdge();

  // The client's end of a new session, whose upgrade is under way. `send_buffer_bytes`: of the
  // edge's socket; 0 = as the system has it.
  int Accept(bool enveloped, int send_buffer_bytes);
  // That of the newest session.
  uint64_t last_session_id() const { return last_session_id_; }
  // Its commands are not read, or it is over.
  bool held(uint64_t session_id) const;

  SimWire& wire() { return wire_; }
  void Tick();
  // Holes that the edge itself knows to have let through.
  double unannounced_positions() const { return metrics_.unannounced_positions.Value(); }

 private:
  void OnCommand(edge::Session* session, edge::Command&& command) override;
  void OnSessionOver(edge::Session* session, const edge::CloseReason& reason) override;
  void OnSessionClosing(edge::Session* session) override;
  void OnMessageIncomplete(edge::Session*, bool) override {}
  void OnReadHeld(edge::Session* session) override;

  boost::asio::io_context& loop_;
  const std::string name_;
  prometheus::Registry registry_;
  edge::EdgeMetrics metrics_{registry_};
  edge::LoopFlushList flush_list_;
  SimWire wire_;
  edge::GroupTable groups_;
  const bool service_away_ = false;
  edge::SessionContext context_;
  // Plain clients are told nothing of their commands, so these must be carried out at once for the
  // model to know when.
  edge::EdgeLimits unpaced_limits_;
  edge::SessionContext plain_context_;
  std::map<uint64_t, std::shared_ptr<edge::Session>> sessions_;
  std::deque<std::weak_ptr<edge::Session>> closing_;
  std::vector<std::weak_ptr<edge::Session>> held_;
  uint64_t last_session_id_ = 0;
};

}  // namespace fuzz
