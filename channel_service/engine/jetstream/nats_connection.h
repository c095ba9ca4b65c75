// One connection to a NATS cluster, which libnats keeps up for ever.
//
// The engine owns it. Publish, Subscribe and Unsubscribe may be called on one thread only (the
// service's loop); they never wait: a thread of the connection takes what was collected and writes
// it with one system call. Messages that arrive are collected, too, and `wake` is called once for a
// burst, on any thread; the owner then calls TakeArrived. Bounds: kArrivedBytesMax wait to be
// taken, beyond that messages are dropped and `dropped` says so; the owner bounds what it
// publishes.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/jetstream/nats_access.h"
#include "channel_service/engine/jetstream/nats_message.h"

namespace channel {

class NatsConnection {
 public:
  struct Arrived {
    std::vector<NatsMessage> messages;
    bool dropped = false;      // some messages are missing: too many waited
    bool reconnected = false;  // what others published meanwhile did not arrive
  };

  // `name`: for NATS's monitoring.
  NatsConnection(NatsAccess access, std::string name);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Tries the servers until one answers, at most `patience`; UNAVAILABLE if none did.
  // FAILED_PRECONDITION: what `access` names cannot be used. Once.
  absl::Status Connect(std::chrono::milliseconds patience);

  // After Connect, for libnats' calls that wait: while the process starts only.
  natsConnection* handle() const { return connection_; }

  // From now on calls `wake` when something has arrived, and each kTick.
  void Start(std::function<void()> wake);
  static constexpr std::chrono::milliseconds kTick{50};
  // Ends the connection; `wake` is not called any more. Once.
  void Stop();

  // `reply`: subject for the reply, empty = none. `message_id`: header Nats-Msg-Id, empty = none.
  void Publish(std::string subject, std::string reply, std::string message_id, std::string data);
  // Messages to `subject` arrive from now on; earlier than the reply to anything that is published
  // later. At most one subscription for a subject.
  void Subscribe(std::string subject);
  void Unsubscribe(std::string subject);

  Arrived TakeArrived();
  // NATS has refused something to this user since the last call. Any thread.
  bool TakeRefused() { return refused_.exchange(false); }

 private:
  enum class State {
    kIdle,  // before Connect has succeeded
    kUp,    // connected, as far as libnats knows
    kDown,  // libnats tries to connect again
    kStopping,
  };
  static const char* ToString(State state);
  // Any thread. Nothing leaves kStopping, nor comes back to kIdle.
  void ChangeState(State to, const char* why);

  struct Command {
    enum class Kind { kPublish, kSubscribe, kUnsubscribe } kind;
    std::string subject;
    std::string reply = {};
    std::string message_id = {};
    std::string data = {};
  };

  // libnats' event loop interface; `user_data` is the NatsConnection. libnats holds its lock
  // meanwhile.
  static natsStatus Attach(void** user, void* user_data, natsConnection* connection,
                           natsSock socket);
  static natsStatus WatchRead(void* user_data, bool add);
  static natsStatus WatchWrite(void* user_data, bool add);
  static natsStatus Detach(void* user_data);
  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* user_data);
  static void OnComplete(void* user_data);  // one subscription has no more messages
  void OnClosed();

  void Watch();
  void Run();
  void Add(Command command);
  void RunCommands();
  void Execute(const Command& command);
  void Push(NatsMessage message);
  void Wake();
  void OnDisconnected();
  void OnReconnected();
  void SetDropped();
  void OnError(natsConnection* connection, natsStatus status);

  const NatsAccess access_;
  const std::string name_;
  const int poller_;    // epoll(7)
  const int doorbell_;  // eventfd(2): there are commands, or it is time to stop
  natsOptions* options_ = nullptr;
  natsConnection* connection_ = nullptr;
  std::atomic<bool> refused_ = false;
  SteadyTime next_error_log_ = {};  // libnats' callback thread only
  std::mutex state_mutex_;          // ChangeState, one at a time
  std::atomic<State> state_ = State::kIdle;
  std::thread thread_;
  // The connection's thread only.
  std::unordered_map<std::string, natsSubscription*> subscriptions_;

  std::mutex watch_mutex_;
  natsSock socket_ = -1;    // guarded by watch_mutex_
  bool want_read_ = false;  // guarded by watch_mutex_
  std::atomic<bool> want_write_ = false;

  std::mutex calls_mutex_;
  std::condition_variable calls_ended_;
  bool closed_ = false;            // guarded by calls_mutex_
  size_t subscriptions_open_ = 0;  // guarded by calls_mutex_; their messages may still come

  std::mutex commands_mutex_;
  std::vector<Command> commands_;  // guarded by commands_mutex_

  std::mutex arrived_mutex_;
  Arrived arrived_;             // guarded by arrived_mutex_
  size_t arrived_bytes_ = 0;    // guarded by arrived_mutex_
  bool wake_called_ = false;    // guarded by arrived_mutex_
  std::function<void()> wake_;  // guarded by arrived_mutex_
};

}  // namespace channel
