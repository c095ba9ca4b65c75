// One WebSocket client, from the upgrade to the close.
//
// Made by the edge server, kept alive by its table and by outstanding operations; loop thread only.
// Bounds: one message message_bytes_max, complete within message_timeout; queue
// session_queue_bytes_max (over it: closed with 4008, the client resumes);
// groups_per_connection_max (router). Bad input is answered with an error frame and the session
// goes on; what breaks the WebSocket protocol ends it. A session that fails concerns no other.
#pragma once

#include <absl/container/inlined_vector.h>

#include <array>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "channel_service/base/clock.h"
#include "ws_edge/close_reason.h"
#include "ws_edge/command_order.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/corked_stream.h"
#include "ws_edge/net/http_upgrade.h"
#include "ws_edge/net/message_buffers.h"
#include "ws_edge/protocol/command.h"

namespace edge {

class Group;
class Router;
class Session;

// What a session tells its owner.
class SessionObserver {
 public:
  // The session is over and may be forgotten.
  virtual void OnSessionOver(Session* session, const CloseReason& reason) = 0;
  // A close frame is on its way; the owner ends the session with Abort if it is not over in time.
  virtual void OnSessionClosing(Session* session) = 0;
  // A message has begun and is not complete (or is, now); the owner closes the session if that
  // lasts.
  virtual void OnMessageIncomplete(Session* session, bool incomplete) = 0;

 protected:
  ~SessionObserver() = default;
};

// What all sessions share; owned by the edge server.
struct SessionContext {
  const std::string& server_name;
  const std::string& instance;         // tells this process from all others
  const std::string& acknowledged_in;  // see Link
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  LoopFlushList& flush_list;
  Router& router;
  SessionObserver& observer;
  const bool& service_away;  // see ServiceNotice
  MessageBuffers message_buffers = {};
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // A place in a group's list of members; kept by the router.
  struct Membership {
    Group* group;
    uint32_t place;
  };

  // `client` is the browser's address as far as it is known, for people.
  Session(SessionContext& context, uint64_t id, Socket socket,
          const boost::asio::ip::tcp::endpoint& client = {});
  ~Session();

  // Answers the upgrade request and begins to read.
  void Start(const HttpRequest& request);

  Dialect dialect() const { return dialect_; }

  // Queues a frame; it leaves at the end of the turn.
  void Deliver(const FramePtr& frame) {
    if (!stream().Offer(frame, context_.limits.session_queue_bytes_max)) CloseAsSlow();
  }
  // For the group, which delivers to many: where to offer frames without touching the session.
  CorkedStream& stream() { return web_socket_.next_layer(); }
  // A frame that was offered did not fit.
  void CloseAsSlow();
  size_t queued_bytes() const { return stream().queued_bytes(); }
  // Tells the client what was wrong with a command (of this id, on this group).
  void SendError(ErrorCode code, std::string_view message, std::string_view command_id = {},
                 std::string_view group_id = {});
  // The same, for whoever delivers it later.
  FramePtr MakeError(ErrorCode code, std::string_view message, std::string_view command_id,
                     std::string_view group_id);
  // Tells the client, if it understands and was not told so last, whether the channel service is
  // there.
  void TellService(bool available);
  // Tells the client, if it understands, that it will be closed and when to come back.
  void SayBye(const CloseReason& reason, std::chrono::milliseconds reconnect_min,
              std::chrono::milliseconds reconnect_max);

  // Sends a close frame; nothing is delivered any more. The first reason counts. `text` replaces
  // the reason's own.
  void Close(const CloseReason& reason, std::string_view text = {});
  // Ends the connection without waiting for the peer.
  void Abort();

  void SendPing();
  // A ping is unanswered: nothing was received since, and nothing that waited was taken.
  bool silent() const { return stream().ping_unanswered(); }
  bool closing() const { return closing_; }

  uint64_t id() const { return id_; }
  channel::SteadyTime opened_at() const { return opened_at_; }
  // One line for an operator: client, groups, queue, counts, age.
  std::string Describe() const;

  // For the router.
  absl::InlinedVector<Membership, 1>& memberships() { return memberships_; }
  CommandOrder& commands() { return commands_; }

 private:
  const CorkedStream& stream() const { return web_socket_.next_layer(); }
  void OnAccepted(CorkedStream::Error error);
  void StartRead();
  void OnRead(CorkedStream::Error error, size_t bytes);
  void OnMessage(std::string_view message);
  void BeginAssembly(size_t bytes);
  void EndAssembly();
  void OnOver(CorkedStream::Error error);

  SessionContext& context_;
  const uint64_t id_;
  const boost::asio::ip::tcp::endpoint client_;
  boost::beast::websocket::stream<CorkedStream, /*deflateSupported=*/false> web_socket_;
  // Most commands fit; a longer message is gathered in assembly_, which is not in use otherwise.
  std::array<char, 128> read_buffer_;
  MessageBuffer assembly_;
  absl::InlinedVector<Membership, 1> memberships_;
  CommandOrder commands_;
  const CloseReason* close_reason_ = nullptr;
  const channel::SteadyTime opened_at_ = std::chrono::steady_clock::now();
  uint64_t messages_in_ = 0;
  Dialect dialect_ = Dialect::kPlain;
  bool accepted_ = false;
  bool closing_ = false;
  bool told_away_ = false;  // what TellService told last
};

}  // namespace edge
