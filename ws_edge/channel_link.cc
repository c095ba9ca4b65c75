#include "ws_edge/channel_link.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace edge {
ChannelLink::ChannelLink(boost::asio::io_context& loop, channel::ChannelClientOptions options,
                         const channel::Clock& clock, EdgeMetrics& metrics)
    : loop_(loop),
      clock_(clock),
      metrics_(metrics),
      client_(std::move(options), this),
      down_since_(clock.Now()) {}

ChannelLink::~ChannelLink() { Stop(std::chrono::milliseconds(0)); }

void ChannelLink::Start(Router* router) {
  router_ = router;
  client_.Start();
}

void ChannelLink::Stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  inbox_taken_.notify_all();
  client_.Stop(patience);
}

void ChannelLink::Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) {
  client_.Subscribe(group_id, tag, std::move(from));
  FlushLater();
}

void ChannelLink::Unsubscribe(std::string_view group_id) {
  client_.Unsubscribe(group_id);
  FlushLater();
}

bool ChannelLink::Publish(const channel::PublishInput& input, uint64_t token) {
  if (!client_.Publish(input, token)) return false;
  FlushLater();
  return true;
}

void ChannelLink::FlushLater() {
  if (std::exchange(flush_posted_, true)) return;
  boost::asio::post(loop_, [weak = std::weak_ptr<ChannelLink*>(self_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    (*self)->flush_posted_ = false;
    (*self)->client_.Flush();
  });
}

void ChannelLink::OnLinkUp() { Put({.kind = Item::Kind::kUp}); }

void ChannelLink::OnLinkDown(const std::string& why) {
  Put({.kind = Item::Kind::kDown, .text = why});
}

void ChannelLink::OnEvents(std::unique_ptr<channel::v1::SubscribeResponse> batch, size_t bytes) {
  {
    std::unique_lock lock(mutex_);
    inbox_taken_.wait(lock, [this] { return inbox_bytes_ < kInboxBytesMax || stopping_; });
  }
  Put({.kind = Item::Kind::kEvents, .events = std::move(batch), .bytes = bytes});
}

void ChannelLink::OnPublishAnswers(std::vector<channel::PublishAnswer> answers) {
  Put({.kind = Item::Kind::kAnswers, .answers = std::move(answers)});
}

void ChannelLink::Put(Item item) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = inbox_.empty();
    inbox_bytes_ += item.bytes;
    inbox_.push_back(std::move(item));
  }
  if (first) TakeInboxLater();
}

void ChannelLink::TakeInboxLater() {
  boost::asio::post(loop_, [weak = std::weak_ptr<ChannelLink*>(self_)] {
    if (const auto self = weak.lock()) (*self)->TakeInbox();
  });
}

// A portion at a time: between two of them sockets are read and written, so that a burst neither
// stops the loop nor makes a client that reads look slow.
void ChannelLink::TakeInbox() {
  std::vector<Item> taken;
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    for (size_t bytes = 0; !inbox_.empty() && bytes < kInboxBytesPerTurnMax;) {
      bytes += inbox_.front().bytes;
      inbox_bytes_ -= inbox_.front().bytes;
      taken.push_back(std::move(inbox_.front()));
      inbox_.pop_front();
    }
    more = !inbox_.empty();
  }
  inbox_taken_.notify_one();
  for (const Item& item : taken) Take(item);
  if (more) TakeInboxLater();
}

void ChannelLink::Take(const Item& item) {
  switch (item.kind) {
    case Item::Kind::kUp:
      up_ = true;
      metrics_.upstream_up.Set(1);
      metrics_.upstream_connects.Increment();
      spdlog::info("link to the channel service is up");
      break;
    case Item::Kind::kDown:
      up_ = false;
      down_reason_ = item.text;
      down_since_ = clock_.Now();
      metrics_.upstream_up.Set(0);
      spdlog::warn("link to the channel service is down: {}", item.text);
      break;
    case Item::Kind::kAnswers:
      for (const channel::PublishAnswer& answer : item.answers) router_->OnPublishAnswer(answer);
      break;
    case Item::Kind::kEvents:
      TakeEvents(*item.events);
      break;
  }
}

void ChannelLink::TakeEvents(const channel::v1::SubscribeResponse& batch) {
  int gaps = 0;
  for (const channel::v1::Event& event : batch.events()) {
    if (event.has_publication()) {
      router_->OnPublication(event.publication());
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
