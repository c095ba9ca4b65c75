#include "channel_service/engine/jetstream/nats_connection.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/engine/jetstream/nats_options.h"

namespace channel {
namespace {

constexpr std::chrono::milliseconds kConnectPause{200};
// Pause between two log lines of errors, which may come with each message.
constexpr std::chrono::seconds kErrorLogPause{10};
constexpr size_t kArrivedBytesMax = 64 << 20;

// NATS puts its headers behind the publisher's, which may have the same names: the last one counts.
uint64_t NumberHeader(natsMsg* message, const char* name) {
  const char** values = nullptr;
  int count = 0;
  if (natsMsgHeader_Values(message, name, &values, &count) != NATS_OK || count == 0) return 0;
  const std::string_view digits = values[count - 1];
  std::free(static_cast<void*>(values));  // only the array: the message owns the texts
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

}  // namespace

const char* NatsConnection::ToString(State state) {
  switch (state) {
    case State::kIdle:
      return "idle";
    case State::kUp:
      return "up";
    case State::kDown:
      return "down";
    case State::kStopping:
      return "stopping";
  }
  return "?";
}

void NatsConnection::ChangeState(State to, const char* why) {
  const std::lock_guard lock(state_mutex_);
  const State from = state_;
  CHANNEL_CHECK(to != State::kIdle);
  // libnats may report a change that it had noticed before it was told to stop.
  if (from == State::kStopping) return;
  spdlog::debug("connection to NATS: {} -> {}: {}", ToString(from), ToString(to), why);
  state_ = to;
}

NatsConnection::NatsConnection(NatsAccess access, std::string name)
    : access_(std::move(access)),
      name_(std::move(name)),
      poller_(::epoll_create1(EPOLL_CLOEXEC)),
      doorbell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHANNEL_CHECK(poller_ >= 0 && doorbell_ >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = doorbell_}};
  CHANNEL_CHECK(::epoll_ctl(poller_, EPOLL_CTL_ADD, doorbell_, &event) == 0);
  // With one thread that hands messages over they come in the order of the server.
  nats_SetMessageDeliveryPoolSize(1);
  CHANNEL_CHECK(natsOptions_Create(&options_) == NATS_OK);
}

NatsConnection::~NatsConnection() {
  Stop();
  natsOptions_Destroy(options_);
  ::close(doorbell_);
  ::close(poller_);
}

absl::Status NatsConnection::Connect(std::chrono::milliseconds patience) {
  if (auto status = SetNatsOptions(access_, name_, options_); !status.ok()) return status;
  natsOptions_SetEventLoop(options_, this, &Attach, &WatchRead, &WatchWrite, &Detach);
  const auto lost = [](natsConnection*, void* self) {
    static_cast<NatsConnection*>(self)->OnDisconnected();
  };
  natsOptions_SetDisconnectedCB(options_, lost, this);
  const auto back = [](natsConnection*, void* self) {
    static_cast<NatsConnection*>(self)->OnReconnected();
  };
  natsOptions_SetReconnectedCB(options_, back, this);
  const auto failed = [](natsConnection* connection, natsSubscription*, natsStatus status,
                         void* user_data) {
    static_cast<NatsConnection*>(user_data)->OnError(connection, status);
  };
  natsOptions_SetErrorHandler(options_, failed, this);
  const auto closed = [](natsConnection*, void* user_data) {
    static_cast<NatsConnection*>(user_data)->OnClosed();
  };
  natsOptions_SetClosedCB(options_, closed, this);

  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string told;
  while (true) {
    const natsStatus status = natsConnection_Connect(&connection_, options_);
    if (status == NATS_OK) break;
    const std::string why = WhyNotConnected(status, access_);
    if (why != told) spdlog::info("waiting for NATS at {}: {}", access_.shown(), why);
    told = why;
    if (std::chrono::steady_clock::now() + kConnectPause > deadline) {
      return absl::UnavailableError(
          fmt::format("NATS cannot be reached at {}: {}", access_.shown(), why));
    }
    std::this_thread::sleep_for(kConnectPause);
  }
  ChangeState(State::kUp, "connected");
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void NatsConnection::OnError(natsConnection* connection, natsStatus status) {
  // libnats drops messages of a subscription that are not taken in time.
  if (status == NATS_SLOW_CONSUMER) SetDropped();
  if (status == NATS_NOT_PERMITTED) refused_ = true;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_error_log_) return;
  next_error_log_ = now + kErrorLogPause;
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  spdlog::warn("NATS: {} {}", natsStatus_GetText(status), text == nullptr ? "" : text);
}

void NatsConnection::Start(std::function<void()> wake) {
  const std::lock_guard lock(arrived_mutex_);
  wake_ = std::move(wake);
}

void NatsConnection::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(arrived_mutex_);
    wake_ = nullptr;
  }
  ChangeState(State::kStopping, "stopped");
  ::eventfd_write(doorbell_, 1);
  thread_.join();
  // Closed first of all: otherwise libnats waits 500 ms for replies to the end of subscriptions.
  natsConnection_Close(connection_);
  for (const auto& [subject, subscription] : subscriptions_) {
    natsSubscription_Destroy(subscription);
  }
  subscriptions_.clear();
  natsConnection_Destroy(std::exchange(connection_, nullptr));
  // libnats' own threads may still be in our callbacks, or about to call one.
  std::unique_lock lock(calls_mutex_);
  calls_ended_.wait(lock, [this] { return closed_ && subscriptions_open_ == 0; });
}

void NatsConnection::OnClosed() {
  const std::lock_guard lock(calls_mutex_);
  closed_ = true;
  calls_ended_.notify_one();
}

void NatsConnection::OnComplete(void* user_data) {
  auto* const self = static_cast<NatsConnection*>(user_data);
  const std::lock_guard lock(self->calls_mutex_);
  --self->subscriptions_open_;
  self->calls_ended_.notify_one();
}

void NatsConnection::Publish(std::string subject, std::string reply, std::string message_id,
                             std::string data) {
  Add({Command::Kind::kPublish, std::move(subject), std::move(reply), std::move(message_id),
       std::move(data)});
}

void NatsConnection::Subscribe(std::string subject) {
  Add({Command::Kind::kSubscribe, std::move(subject)});
}

void NatsConnection::Unsubscribe(std::string subject) {
  Add({Command::Kind::kUnsubscribe, std::move(subject)});
}

void NatsConnection::Add(Command command) {
  const std::lock_guard lock(commands_mutex_);
  if (commands_.empty()) ::eventfd_write(doorbell_, 1);
  commands_.push_back(std::move(command));
}

NatsConnection::Arrived NatsConnection::TakeArrived() {
  const std::lock_guard lock(arrived_mutex_);
  arrived_bytes_ = 0;
  wake_called_ = false;
  return std::exchange(arrived_, {});
}

natsStatus NatsConnection::Attach(void** user, void* user_data, natsConnection*, natsSock socket) {
  auto* const self = static_cast<NatsConnection*>(user_data);
  *user = self;
  const std::lock_guard lock(self->watch_mutex_);
  self->socket_ = socket;
  self->want_read_ = true;
  self->want_write_ = false;
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
  return ::epoll_ctl(self->poller_, EPOLL_CTL_ADD, socket, &event) == 0 ? NATS_OK : NATS_ERR;
}

natsStatus NatsConnection::WatchRead(void* user_data, bool add) {
  auto* const self = static_cast<NatsConnection*>(user_data);
  const std::lock_guard lock(self->watch_mutex_);
  self->want_read_ = add;
  self->Watch();
  return NATS_OK;
}

natsStatus NatsConnection::WatchWrite(void* user_data, bool add) {
  auto* const self = static_cast<NatsConnection*>(user_data);
  const std::lock_guard lock(self->watch_mutex_);
  self->want_write_ = add;
  self->Watch();
  return NATS_OK;
}

natsStatus NatsConnection::Detach(void* user_data) {
  auto* const self = static_cast<NatsConnection*>(user_data);
  const std::lock_guard lock(self->watch_mutex_);
  self->socket_ = -1;
  return NATS_OK;
}

void NatsConnection::Watch() {
  if (socket_ < 0) return;
  epoll_event event{
      .events = (want_read_ ? uint32_t{EPOLLIN} : 0) | (want_write_ ? uint32_t{EPOLLOUT} : 0),
      .data = {.fd = socket_}};
  ::epoll_ctl(poller_, EPOLL_CTL_MOD, socket_, &event);  // fails if libnats has closed it
}

void NatsConnection::Run() {
  auto next_tick = std::chrono::steady_clock::now() + kTick;
  while (state_ != State::kStopping) {
    std::array<epoll_event, 4> events;
    const int count = ::epoll_wait(poller_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(kTick.count()));
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.fd == doorbell_) {
        eventfd_t ignored = 0;
        ::eventfd_read(doorbell_, &ignored);
        continue;
      }
      if (events[static_cast<size_t>(i)].events & ~uint32_t{EPOLLOUT}) {
        natsConnection_ProcessReadEvent(connection_);
      }
    }
    RunCommands();
    // With nothing to write libnats would take the empty write for a broken socket.
    if (want_write_) natsConnection_ProcessWriteEvent(connection_);
    if (std::chrono::steady_clock::now() >= next_tick) {
      next_tick = std::chrono::steady_clock::now() + kTick;
      Wake();
    }
  }
  // The last data are written here, or libnats waits 500 ms for that.
  if (want_write_) natsConnection_ProcessWriteEvent(connection_);
}

void NatsConnection::RunCommands() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(commands_mutex_);
    commands.swap(commands_);
  }
  for (const Command& command : commands) Execute(command);
}

void NatsConnection::Execute(const Command& command) {
  const auto known = subscriptions_.find(command.subject);
  switch (command.kind) {
    case Command::Kind::kPublish: {
      natsMsg* message = nullptr;
      const char* const reply = command.reply.empty() ? nullptr : command.reply.c_str();
      if (natsMsg_Create(&message, command.subject.c_str(), reply, command.data.data(),
                         static_cast<int>(command.data.size())) != NATS_OK) {
        return;
      }
      if (!command.message_id.empty()) {
        natsMsgHeader_Set(message, "Nats-Msg-Id", command.message_id.c_str());
      }
      // If it fails no reply comes, and the request times out.
      natsConnection_PublishMsg(connection_, message);
      natsMsg_Destroy(message);
      return;
    }
    case Command::Kind::kSubscribe: {
      CHANNEL_CHECK(known == subscriptions_.end());
      natsSubscription* subscription = nullptr;
      const natsStatus status = natsConnection_Subscribe(&subscription, connection_,
                                                         command.subject.c_str(), &OnMessage, this);
      if (status != NATS_OK) {
        spdlog::error("NATS: cannot subscribe to {}: {}", command.subject,
                      natsStatus_GetText(status));
        return;
      }
      subscriptions_.emplace(command.subject, subscription);
      const std::lock_guard lock(calls_mutex_);
      if (natsSubscription_SetOnCompleteCB(subscription, &OnComplete, this) == NATS_OK) {
        ++subscriptions_open_;
      }
      return;
    }
    case Command::Kind::kUnsubscribe:
      if (known == subscriptions_.end()) return;
      natsSubscription_Unsubscribe(known->second);
      natsSubscription_Destroy(known->second);
      subscriptions_.erase(known);
      return;
  }
}

void NatsConnection::OnMessage(natsConnection*, natsSubscription*, natsMsg* message,
                               void* user_data) {
  NatsMessage arrived;
  arrived.message.reset(message);
  arrived.sequence = NumberHeader(message, "Nats-Sequence");
  if (arrived.sequence != 0) {
    arrived.last_sequence = NumberHeader(message, "Nats-Last-Sequence");
  } else {
    arrived.status = static_cast<int>(NumberHeader(message, "Status"));
  }
  static_cast<NatsConnection*>(user_data)->Push(std::move(arrived));
}

void NatsConnection::Push(NatsMessage message) {
  {
    const std::lock_guard lock(arrived_mutex_);
    if (arrived_bytes_ > kArrivedBytesMax) {
      arrived_.dropped = true;
    } else {
      arrived_bytes_ += message.data().size() + sizeof(NatsMessage);
      arrived_.messages.push_back(std::move(message));
    }
  }
  Wake();
}

void NatsConnection::OnDisconnected() {
  if (state_ == State::kStopping) return;
  ChangeState(State::kDown, "disconnected");
  spdlog::warn("connection to NATS is down");
}

void NatsConnection::OnReconnected() {
  spdlog::info("connection to NATS is up again");
  ChangeState(State::kUp, "reconnected");
  {
    const std::lock_guard lock(arrived_mutex_);
    arrived_.reconnected = true;
  }
  Wake();
}

void NatsConnection::SetDropped() {
  {
    const std::lock_guard lock(arrived_mutex_);
    arrived_.dropped = true;
  }
  Wake();
}

void NatsConnection::Wake() {
  const std::lock_guard lock(arrived_mutex_);
  if (wake_ == nullptr || std::exchange(wake_called_, true)) return;
  wake_();
}

}  // namespace channel
