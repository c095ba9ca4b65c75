// The link to the channel service: runs the client library on the edge's loop.
//
// Owned by the edge server; loop thread only. gRPC's sockets are watched as one descriptor; what
// they have is taken a portion at a time, so that a burst neither stops the loop nor makes a client
// that reads look slow; the rest stays in the sockets, and gRPC's flow control holds the service
// up. What sessions publish or subscribe to in a turn is written at its end. Bounded by the client.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <variant>
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

  // What comes from upstream goes to `router`.
  void Start(Router* router);
  // Waits at most `patience` until publications are answered. The loop stands still meanwhile.
  void Stop(std::chrono::milliseconds patience);

  bool up() const { return up_; }
  // See channel::ChannelClient; the string stays where it is.
  const std::string& acknowledged_in() const { return client_.acknowledged_in(); }
  // Why it is not up: of each address that was tried since, gRPC's last word.
  std::string down_reason() const;
  // When it went down, or was made, if it is not up.
  channel::SteadyTime down_since() const { return down_since_; }

  // Upstream
  void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) override;
  void Unsubscribe(std::string_view group_id) override;
  [[nodiscard]] bool Publish(const channel::PublishInput& input, uint64_t token) override;

 private:
  // channel::ChannelClientObserver
  void OnLinkUp() override;
  void OnLinkDown(const std::string& why) override;
  void OnConnectFailed(const std::string& address, const std::string& why) override;
  void OnEvents(channel::v1::SubscribeResponse batch) override;
  void OnPublishAnswers(std::vector<channel::PublishAnswer> answers) override;

  void Run();
  void RunLater();
  void GiveTaken();
  void Give(const channel::v1::SubscribeResponse& batch, bool alone);
  void WaitReadable();
  void StartTick();

  boost::asio::io_context& loop_;
  const channel::Clock& clock_;
  EdgeMetrics& metrics_;
  channel::ChannelClient client_;
  boost::asio::posix::stream_descriptor poll_descriptor_;  // of its own, for gRPC's epoll set
  boost::asio::steady_timer tick_;
  // What came in this turn, in order, until it is known whether a publication is alone in it.
  std::vector<std::variant<channel::v1::SubscribeResponse, std::vector<channel::PublishAnswer>>>
      taken_;
  Router* router_ = nullptr;  // null: what comes goes nowhere
  bool up_ = false;
  std::string lost_reason_;  // of the link that was up; empty: none was yet
  // Since the link is not up, by address.
  std::map<std::string, std::string> failure_by_address_;
  channel::SteadyTime down_since_;
  channel::SteadyTime next_warning_at_;  // that there is still no link
  bool run_posted_ = false;
  // Posted handlers may run when this is gone.
  std::shared_ptr<ChannelLink*> self_ = std::make_shared<ChannelLink*>(this);
};

}  // namespace edge
