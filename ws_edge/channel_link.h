// The link to the channel service: adapts the client library, which has a thread of its own, to the
// edge's loop.
//
// Owned by the edge server. Two hand-over points between the threads: the client's calls (loop →
// gRPC: collected, handed over once a turn) and the Inbox (gRPC → loop: whole batches under one
// lock, one wake-up for a burst). Bounded: publications by the client; the Inbox by kInboxBytesMax,
// beyond which the client's thread waits for the loop, and gRPC's flow control holds the service
// up.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "channel_service/client/channel_client.h"
#include "ws_edge/metrics.h"
#include "ws_edge/router.h"

namespace edge {

class ChannelLink final : public Upstream, private channel::ChannelClientObserver {
 public:
  ChannelLink(boost::asio::io_context& loop, channel::ChannelClientOptions options,
              const channel::Clock& clock, EdgeMetrics& metrics);
  ~ChannelLink();

  // What comes from upstream goes to `router`, on the loop.
  void Start(Router* router);
  // Waits at most `patience` until publications are answered. The loop stands still meanwhile.
  void Stop(std::chrono::milliseconds patience);

  bool up() const { return up_; }
  const std::string& down_reason() const { return down_reason_; }
  // When it went down, or was made, if it is not up.
  channel::SteadyTime down_since() const { return down_since_; }

  // Upstream
  void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) override;
  void Unsubscribe(std::string_view group_id) override;
  [[nodiscard]] bool Publish(const channel::PublishInput& input, uint64_t token) override;

 private:
  // One thing that the client told, in order.
  struct Item {
    enum class Kind { kUp, kDown, kEvents, kAnswers } kind;
    std::unique_ptr<channel::v1::SubscribeResponse> events = nullptr;
    size_t bytes = 0;
    std::vector<channel::PublishAnswer> answers = {};
    std::string text = {};
  };

  // channel::ChannelClientObserver, on the client's thread.
  void OnLinkUp() override;
  void OnLinkDown(const std::string& why) override;
  void OnEvents(std::unique_ptr<channel::v1::SubscribeResponse> batch, size_t bytes) override;
  void OnPublishAnswers(std::vector<channel::PublishAnswer> answers) override;

  void Put(Item item);
  void TakeInbox();
  void TakeInboxLater();
  void Take(const Item& item);
  void TakeEvents(const channel::v1::SubscribeResponse& batch);
  void FlushLater();

  boost::asio::io_context& loop_;
  const channel::Clock& clock_;
  EdgeMetrics& metrics_;
  channel::ChannelClient client_;
  Router* router_ = nullptr;
  bool up_ = false;
  std::string down_reason_ = "not connected yet";
  channel::SteadyTime down_since_;
  bool flush_posted_ = false;

  std::mutex mutex_;
  std::condition_variable inbox_taken_;
  std::deque<Item> inbox_;  // guarded by mutex_
  size_t inbox_bytes_ = 0;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  // Posted handlers may run when this is gone.
  std::shared_ptr<ChannelLink*> self_ = std::make_shared<ChannelLink*>(this);
};

}  // namespace edge
