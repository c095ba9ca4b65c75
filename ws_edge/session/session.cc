#include "ws_edge/session/session.h"

#include <spdlog/spdlog.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <limits>
#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/net/access.h"
#include "ws_edge/net/upgrade_checks.h"
#include "ws_edge/protocol/encode.h"

namespace edge {
namespace {

namespace net = boost::asio;
namespace websocket = boost::beast::websocket;

}  // namespace

Session::Session(SessionContext& context, uint64_t id, Socket socket,
                 const net::ip::tcp::endpoint& client)
    : Client(id, context.limits, context.metrics),
      context_(context),
      client_(client),
      gate_(context.limits.pace, context.clock, *this),
      web_socket_(std::move(socket), &context.flush_list, &gate_) {
  SetQueue(&stream());
  // Beast would close for an oversize message without a reason, so OnRead does it and names the
  // limit. Beast still refuses a length that no message may have: see kBeastTooBig in
  // send_queue.cc.
  web_socket_.read_message_max(std::numeric_limits<int64_t>::max());
  web_socket_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                         websocket::stream_base::none(), false});
}

Session::~Session() = default;

void Session::Start(const channel::HttpRequest& request) {
  net::ip::tcp::no_delay no_delay(true);
  CorkedStream::Error ignored;
  stream().socket().set_option(no_delay, ignored);
  if (OffersSubprotocol(request, kEnvelopedSubprotocol)) SetDialect(Dialect::kEnveloped);
  web_socket_.set_option(
      websocket::stream_base::decorator([this](websocket::response_type& response) {
        if (dialect() == Dialect::kEnveloped) {
          response.set(boost::beast::http::field::sec_websocket_protocol,
                       {kEnvelopedSubprotocol.data(), kEnvelopedSubprotocol.size()});
        }
        response.set("X-Channel-Edge", context_.server_name);
        response.set(boost::beast::http::field::server, "channel");
      }));
  web_socket_.async_accept(
      request, [self = shared_from_this()](CorkedStream::Error error) { self->OnAccepted(error); });
}

void Session::ChangeState(State to, const char* why) {
  CHANNEL_CHECK(to > state_);
  spdlog::debug("session {}: {} -> {}: {}", id(), ToString(state_), ToString(to), why);
  state_ = to;
}

const char* Session::ToString(State state) {
  switch (state) {
    case State::kUpgrading:
      return "upgrading";
    case State::kOpen:
      return "open";
    case State::kClosing:
      return "closing";
    case State::kOver:
      return "over";
  }
  return "?";
}

void Session::OnAccepted(CorkedStream::Error error) {
  if (error) {
    OnOver(error);
    return;
  }
  ChangeState(State::kOpen, "accepted");
  stream().BeginData();
  if (close_reason_ != nullptr) {  // asked for while the handshake was on its way
    const CloseReason& reason = *std::exchange(close_reason_, nullptr);
    Close(reason);
  }
  if (dialect() == Dialect::kEnveloped) {
    Deliver(EncodeWelcome(fmt::format("{}-{}", context_.instance, id()), id(), context_.server_name,
                          context_.acknowledged_in, context_.limits));
    TellService(!context_.service_away);
  }
  StartRead();
}

// No read is outstanding while commands are held: Beast may have some in its buffer.
void Session::StartRead() {
  read_waits_ = commands_held_ && !closing();
  if (read_waits_) return;
  char* target = read_buffer_.data();
  size_t room = read_buffer_.size();
  if (assembly_.in_use()) target = assembly_.Room(context_.message_buffers, &room);
  web_socket_.async_read_some(net::mutable_buffer(target, room),
                              [self = shared_from_this()](CorkedStream::Error error, size_t bytes) {
                                self->OnRead(error, bytes);
                              });
}

void Session::OnRead(CorkedStream::Error error, size_t bytes) {
  if (assembly_.in_use()) assembly_.Add(bytes);
  if (error) {
    OnOver(error);
    return;
  }
  if (closing()) {  // what the client still sends is read only to reach its close frame
    EndAssembly();
    StartRead();
    return;
  }
  const std::string_view message =
      assembly_.in_use() ? assembly_.text() : std::string_view(read_buffer_.data(), bytes);
  if (web_socket_.got_binary()) {
    Close(kClosedForBinary);
  } else if (message.size() > context_.limits.message_bytes_max) {
    Close(kClosedForSize, fmt::format("message over {} bytes", context_.limits.message_bytes_max));
  } else if (web_socket_.is_message_done()) {
    OnMessage(message);
    EndAssembly();
  } else if (!assembly_.in_use()) {
    BeginAssembly(bytes);
  }
  StartRead();
}

void Session::BeginAssembly(size_t bytes) {
  assembly_.Begin(context_.message_buffers, {read_buffer_.data(), bytes});
}

void Session::EndAssembly() {
  if (assembly_.in_use()) assembly_.Release(context_.message_buffers);
}

void Session::OnMessage(std::string_view message) {
  ++messages_in_;
  context_.metrics.messages_received.Increment();
  Command command;
  CommandError error;
  if (!ParseCommand(dialect(), message, &command, &error)) {
    SendError(error.code, error.message, command.id);
    return;
  }
  if (command.kind == CommandKind::kPing) {
    Deliver(EncodePong(command.id));
  } else {
    if (command.kind == CommandKind::kAddGroup) gate_.ChargeCommands(kJoinCommands - 1);
    context_.observer.OnCommand(this, std::move(command));
  }
}

void Session::CloseAsSlow() {
  if (closing()) return;  // the queue holds the close frame
  stream().DropQueue();
  Close(kClosedAsSlow);
}

void Session::TellService(bool available) {
  if (dialect() == Dialect::kPlain || state_ == State::kUpgrading || told_away_ == !available)
    return;
  told_away_ = !available;
  static const FramePtr kAvailable = EncodeService(true);
  static const FramePtr kAway = EncodeService(false);
  Deliver(available ? kAvailable : kAway);
}

void Session::SayBye(const CloseReason& reason, std::chrono::milliseconds reconnect_min,
                     std::chrono::milliseconds reconnect_max) {
  if (dialect() == Dialect::kEnveloped)
    Deliver(EncodeBye(reason.code, reconnect_min, reconnect_max));
}

void Session::Close(const CloseReason& reason, std::string_view text) {
  if (closing()) return;
  if (state_ == State::kUpgrading) {
    if (close_reason_ == nullptr) close_reason_ = &reason;
    return;
  }
  ChangeState(State::kClosing, reason.label);
  stream().EndData();
  // The client's close frame is to be seen in time.
  gate_.Forgive();
  HoldCommands(false);
  close_reason_ = &reason;
  context_.observer.OnSessionClosing(this);
  const std::string_view why = text.empty() ? std::string_view(reason.text) : text;
  web_socket_.async_close(
      websocket::close_reason(websocket::close_code(reason.code), {why.data(), why.size()}),
      [self = shared_from_this()](CorkedStream::Error) {});
}

void Session::Abort() {
  if (state_ == State::kOpen) ChangeState(State::kClosing, "aborted");
  stream().Close();
  HoldCommands(false);  // what Beast has read before is dropped; the next read ends the session
}

void Session::HoldCommands(bool held) {
  commands_held_ = held;
  if (!held && std::exchange(read_waits_, false)) StartRead();
}

void Session::OnMessageIncomplete(bool incomplete) {
  if (state_ < State::kClosing) context_.observer.OnMessageIncomplete(this, incomplete);
}

void Session::GoOnReading() {
  if (!closing() && gate_.over_for() >= kHeldLongest) Close(kClosedForRate);
  gate_.TryGoOn();
}

void Session::SendPing() {
  if (state_ != State::kOpen) return;
  static const FramePtr kPing = Frame::Encode(Opcode::kPing, {});
  stream().AppendPing(kPing);
}

void Session::OnOver(CorkedStream::Error error) {
  if (close_reason_ == nullptr) {
    if (error == websocket::error::closed) {
      close_reason_ = &kClosedByClient;
    } else if (error.category() ==
               websocket::make_error_code(websocket::error::bad_opcode).category()) {
      close_reason_ = &kClosedByProtocolError;
    } else {
      close_reason_ = &kConnectionLost;
    }
  }
  ChangeState(State::kOver, close_reason_->label);
  stream().EndData();
  EndAssembly();
  context_.observer.OnMessageIncomplete(this, false);
  context_.observer.OnSessionOver(this, *close_reason_);
}

std::string Session::Describe(size_t groups) const {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::steady_clock::now() - opened_at_);
  return fmt::format("{} {} {} groups={} queued_bytes={} in={} out={} age={}s\n", id(),
                     DescribeClient(client_), dialect() == Dialect::kPlain ? "plain" : "enveloped",
                     groups, stream().queued_bytes(), messages_in_, stream().offered(),
                     age.count());
}

}  // namespace edge
