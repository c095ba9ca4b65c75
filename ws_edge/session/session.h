// One WebSocket client, from the upgrade to the close.
//
// Made by the edge server, kept alive by its table and by outstanding operations; loop thread only.
// Bounds: `pace` for what it sends (it is read no faster, and closed with 4013 if that does not
// help); message_bytes_max for a message, which must be complete within message_timeout;
// session_queue_bytes_max for the queue (over it the session is closed with 4008, and the client
// resumes). Bad input is answered with an error frame and the session goes on; what breaks the
// WebSocket protocol ends it. A failing session affects no other.
#pragma once

#include <array>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/corked_stream.h"
#include "ws_edge/net/edge_http.h"
#include "ws_edge/net/message_buffers.h"
#include "ws_edge/protocol/client.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/session/close_reason.h"

namespace edge {

class Session;

// The events that a session tells its owner.
class SessionObserver {
 public:
  // The client asks for something that concerns a group.
  virtual void OnCommand(Session* session, Command&& command) = 0;
  // The session is over and may be forgotten.
  virtual void OnSessionOver(Session* session, const CloseReason& reason) = 0;
  // A close frame is on its way; the owner ends the session with Abort if it is not over in time.
  virtual void OnSessionClosing(Session* session) = 0;
  // A message has begun and is not complete (or is, now); the owner closes the session if that
  // lasts.
  virtual void OnMessageIncomplete(Session* session, bool incomplete) = 0;
  // The client sends more than it may; the owner calls GoOnReading until it is not held.
  virtual void OnReadHeld(Session* session) = 0;

 protected:
  ~SessionObserver() = default;
};

// Shared by all sessions; owned by the edge server.
struct SessionContext {
  const std::string& server_name;
  const std::string& instance;         // tells this process from all others
  const std::string& acknowledged_in;  // see Link
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  LoopFlushList& flush_list;
  SessionObserver& observer;
  const channel::Clock& clock;
  const bool& service_away;  // see ServiceNotice
  MessageBuffers message_buffers = {};
};

class Session final : public Client,
                      public std::enable_shared_from_this<Session>,
                      private ReadGate::Observer {
 public:
  // `client` is the browser's address as far as it is known.
  Session(SessionContext& context, uint64_t id, Socket socket,
          const boost::asio::ip::tcp::endpoint& client = {});
  ~Session();

  // Answers the upgrade request and begins to read.
  void Start(const channel::HttpRequest& request);

  // Client
  void CloseAsSlow() override;
  void HoldCommands(bool held) override;
  void ChargeAnswer(size_t bytes) override { gate_.ChargeBytes(bytes); }

  // Tells a client of channel.v1.json whether the channel service is there, unless it was told so
  // last.
  void TellService(bool available);
  // Tells a client of channel.v1.json that it will be closed, and when to come back.
  void SayBye(const CloseReason& reason, std::chrono::milliseconds reconnect_min,
              std::chrono::milliseconds reconnect_max);

  // Sends a close frame; nothing is delivered any more. The first reason counts. `text` replaces
  // the reason's own text.
  void Close(const CloseReason& reason, std::string_view text = {});
  // Ends the connection without waiting for the peer.
  void Abort();

  void SendPing();
  // True if a ping is unanswered: nothing was received since, and the peer took nothing that
  // waited. A session that is not read is not judged.
  bool silent() const { return stream().ping_unanswered() && !held(); }
  // It is not read, because its client sends more than it may, or has too many sends that wait.
  bool held() const { return gate_.held() || read_waits_; }
  // Reads on if the client may send again; closes the session if it has sent too much for too long.
  void GoOnReading();
  bool closing() const { return state_ >= State::kClosing; }

  // The client's address, as far as it is known.
  const boost::asio::ip::tcp::endpoint& client() const { return client_; }
  // A command on a group has come; true if it is the first one.
  bool Hear() { return !std::exchange(heard_, true); }
  bool heard() const { return heard_; }
  channel::SteadyTime opened_at() const { return opened_at_; }
  // Returns one line for an operator: client, the number of its groups, queue, counts, age.
  std::string Describe(size_t groups) const;

 private:
  enum class State : uint8_t {
    kUpgrading,
    kOpen,
    kClosing,  // the close frame is on its way; nothing is delivered any more
    kOver,
  };
  static const char* ToString(State state);
  void ChangeState(State to, const char* why);

  CorkedStream& stream() { return web_socket_.next_layer(); }
  const CorkedStream& stream() const { return web_socket_.next_layer(); }
  void OnAccepted(CorkedStream::Error error);
  void StartRead();
  void OnRead(CorkedStream::Error error, size_t bytes);
  void OnMessage(std::string_view message);
  void BeginAssembly(size_t bytes);
  void EndAssembly();
  void OnOver(CorkedStream::Error error);

  // ReadGate::Observer
  void OnMessageIncomplete(bool incomplete) override;
  void OnReadHeld() override { context_.observer.OnReadHeld(this); }

  SessionContext& context_;
  const boost::asio::ip::tcp::endpoint client_;
  ReadGate gate_;
  boost::beast::websocket::stream<CorkedStream, /*deflateSupported=*/false> web_socket_;
  // Most commands fit; a longer message is gathered in assembly_, which is not in use otherwise.
  std::array<char, 128> read_buffer_;
  MessageBuffer assembly_;
  const CloseReason* close_reason_ = nullptr;
  const channel::SteadyTime opened_at_ = std::chrono::steady_clock::now();
  uint64_t messages_in_ = 0;
  State state_ = State::kUpgrading;
  bool heard_ = false;      // a command on a group
  bool told_away_ = false;  // what TellService told last
  bool commands_held_ = false;
  bool read_waits_ = false;  // until commands are not held
};

}  // namespace edge
