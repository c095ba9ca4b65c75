#include "ws_edge/channel_link.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace edge {
namespace {

// Without a descriptor to wait for, gRPC is asked this often.
constexpr std::chrono::milliseconds kBlindTick{1};
// gRPC says no more than "Socket closed" of a peer that hangs up on what it does not understand.
constexpr char kNoGrpcHint[] = " (does a channel service listen there, without TLS?)";
// While there is no link, an operator is told of it this often.
constexpr std::chrono::minutes kWarnAgainAfter{1};

}  // namespace

ChannelLink::ChannelLink(boost::asio::io_context& loop, channel::ChannelClientOptions options,
                         const channel::Clock& clock, EdgeMetrics& metrics)
    : loop_(loop),
      clock_(clock),
      metrics_(metrics),
      client_(std::move(options), this),
      poll_descriptor_(loop),
      tick_(loop),
      down_since_(clock.Now()) {}

ChannelLink::~ChannelLink() {
  router_ = nullptr;
  Stop(std::chrono::milliseconds(0));
}

void ChannelLink::Start(Router* router) {
  router_ = router;
  client_.Start();
  if (client_.poll_descriptor() >= 0) {
    poll_descriptor_.assign(::dup(client_.poll_descriptor()));
    WaitReadable();
  }
  StartTick();
  RunLater();
}

void ChannelLink::Stop(std::chrono::milliseconds patience) {
  self_.reset();  // handlers that are on their way find nobody
  tick_.cancel();
  boost::system::error_code ignored;
  poll_descriptor_.close(ignored);
  client_.Stop(patience);
}

void ChannelLink::WaitReadable() {
  poll_descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [weak = std::weak_ptr<ChannelLink*>(self_)](const auto& error) {
                                const auto self = weak.lock();
                                if (error || self == nullptr) return;
                                (*self)->Run();
                                (*self)->WaitReadable();
                              });
}

void ChannelLink::StartTick() {
  using Client = channel::ChannelClient;
  const auto seeing = client_.unanswered() > 0 ? Client::kBusyTick : Client::kTick;
  tick_.expires_after(poll_descriptor_.is_open() ? seeing : kBlindTick);
  tick_.async_wait([weak = std::weak_ptr<ChannelLink*>(self_)](const auto& error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    (*self)->Run();
    (*self)->StartTick();
  });
}

void ChannelLink::Run() {
  const bool more = client_.RunReady(kUpstreamBytesPerTurnMax);
  GiveTaken();
  if (more) RunLater();
}

void ChannelLink::RunLater() {
  if (std::exchange(run_posted_, true)) return;
  boost::asio::post(loop_, [weak = std::weak_ptr<ChannelLink*>(self_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    (*self)->run_posted_ = false;
    (*self)->Run();
  });
}

void ChannelLink::Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) {
  client_.Subscribe(group_id, tag, std::move(from));
  RunLater();
}

void ChannelLink::Unsubscribe(std::string_view group_id) {
  client_.Unsubscribe(group_id);
  RunLater();
}

bool ChannelLink::Publish(const channel::PublishInput& input, uint64_t token) {
  if (!client_.Publish(input, token)) return false;
  metrics_.publications_unanswered.Set(static_cast<double>(client_.unanswered()));
  RunLater();
  return true;
}

void ChannelLink::OnLinkUp() {
  GiveTaken();
  up_ = true;
  failure_by_address_.clear();
  metrics_.upstream_up.Set(1);
  metrics_.upstream_connects.Increment();
  spdlog::info("link to the channel service at {} is up", client_.address());
}

void ChannelLink::OnLinkDown(const std::string& why) {
  GiveTaken();
  up_ = false;
  lost_reason_ = why;
  down_since_ = clock_.Now();
  next_warning_at_ = down_since_ + kWarnAgainAfter;
  metrics_.upstream_up.Set(0);
  spdlog::warn("link to the channel service at {} is down: {}", client_.address(), why);
}

void ChannelLink::OnConnectFailed(const std::string& address, const std::string& why) {
  std::string& failure = failure_by_address_[address];
  failure = why;
  if (why.ends_with("Socket closed")) failure += kNoGrpcHint;
  const channel::SteadyTime now = clock_.Now();
  if (now < next_warning_at_) return;
  next_warning_at_ = now + kWarnAgainAfter;
  spdlog::warn("there is no link to the channel service: {}", down_reason());
}

std::string ChannelLink::down_reason() const {
  std::string reason = lost_reason_;
  for (const auto& [address, why] : failure_by_address_) {
    if (!reason.empty()) reason += "; ";
    reason += fmt::format("{}: {}", address, why);
  }
  return reason.empty() ? "not connected yet" : reason;
}

void ChannelLink::OnPublishAnswers(std::vector<channel::PublishAnswer> answers) {
  taken_.emplace_back(std::move(answers));
}

void ChannelLink::OnEvents(channel::v1::SubscribeResponse batch) {
  taken_.emplace_back(std::move(batch));
}

void ChannelLink::GiveTaken() {
  const auto taken = std::exchange(taken_, {});
  metrics_.publications_unanswered.Set(static_cast<double>(client_.unanswered()));
  if (router_ == nullptr) return;
  int events = 0;
  for (const auto& item : taken) {
    const auto* batch = std::get_if<channel::v1::SubscribeResponse>(&item);
    if (batch != nullptr) events += batch->events_size();
  }
  for (const auto& item : taken) {
    if (const auto* batch = std::get_if<channel::v1::SubscribeResponse>(&item)) {
      Give(*batch, /*alone=*/events == 1);
      continue;
    }
    for (const auto& answer : std::get<std::vector<channel::PublishAnswer>>(item)) {
      router_->OnPublishAnswer(answer);
    }
  }
}

void ChannelLink::Give(const channel::v1::SubscribeResponse& batch, bool alone) {
  int gaps = 0;
  for (const channel::v1::Event& event : batch.events()) {
    if (event.has_publication()) {
      router_->OnPublication(event.publication(), alone);
    } else if (event.has_subscribed()) {
      router_->OnSubscribed(event.subscribed());
    } else if (event.has_gap()) {
      if (router_->OnGap(event.gap())) ++gaps;
    }
  }
  if (gaps == 0) return;
  metrics_.gaps.Increment(gaps);
  spdlog::warn("{} groups were resumed with a gap: what their members missed is no longer held",
               gaps);
}

}  // namespace edge
