#include "ws_edge/upstream/grpc_poller.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "channel_service/base/address.h"
#include "channel_service/base/check.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/base/grpc_deadline.h"
#include "ws_edge/limits.h"
#include "ws_edge/upstream/grpc_stream.h"
#include "ws_edge/upstream/poll_descriptor.h"

namespace edge {
namespace {

// A poll of gRPC 1.51 handles one event of its epoll set, which need not complete anything of ours;
// so after one that gave nothing there may be more. The first one after a write that was taken at
// once does not look at the set at all.
constexpr int kIdlePolls = 3;
// So many completions in a turn, beside the bound in bytes: answers may be tiny.
constexpr int kEventsPerTurnMax = 1024;
// While publications are not answered: gRPC's own threads take a socket over while it does not take
// writes, and then nothing is readable here.
constexpr std::chrono::milliseconds kBusyTick{5};
// Without a descriptor to wait for, gRPC is asked this often.
constexpr std::chrono::milliseconds kBlindTick{1};

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Both ends set keepalive (see the service); without it a half-open link is never noticed. Now it
  // is within 13 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 8'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC's own reconnection; it adds 20 % of jitter, so that the longest wait is below 2 s.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'600);
  // A name may have another address each time that it is asked for, which is twice a minute by
  // default.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The service is a neighbour; an http_proxy in the environment is meant for others.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(channel::GrpcTarget(address), grpc::InsecureChannelCredentials(),
                                   arguments);
}

const char* PathOf(Transport::Method method) {
  return method == Transport::Method::kSubscribe ? "/channel.v1.ChannelService/Subscribe"
                                                 : "/channel.v1.ChannelService/PublishStream";
}

}  // namespace

GrpcPoller::GrpcPoller(boost::asio::io_context& loop, const std::vector<std::string>& addresses)
    : loop_(loop), grpc_descriptor_(FindPollDescriptor()), readable_(loop), timer_(loop) {
  CHANNEL_CHECK(!addresses.empty());
  for (const std::string& address : addresses) channels_.push_back(MakeChannel(address));
}

GrpcPoller::~GrpcPoller() {
  CHANNEL_CHECK(link_ == nullptr);
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) CHANNEL_CHECK(false);  // every stream was over
}

std::unique_ptr<Stream> GrpcPoller::Open(size_t address, Method method, Wait wait,
                                         Stream::Observer* observer) {
  return std::make_unique<GrpcStream>(channels_[address], PathOf(method), wait, &queue_,
                                      received_bytes_, observer);
}

void GrpcPoller::Start(Link* link) {
  link_ = link;
  if (grpc_descriptor_ >= 0) {
    readable_.assign(::dup(grpc_descriptor_));
    WaitReadable();
  }
  StartTimer();
  WakeUp();
}

void GrpcPoller::Stop(std::chrono::milliseconds patience) {
  if (link_ == nullptr) return;
  self_.reset();  // handlers that are on their way find nobody
  timer_.cancel();
  boost::system::error_code ignored;
  readable_.close(ignored);
  link_->Stop(patience);
  while (!link_->stopped()) {
    Turn(SIZE_MAX);
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, channel::DeadlineIn(Link::kTick)) ==
        grpc::CompletionQueue::GOT_EVENT) {
      static_cast<channel::CompletionEvent*>(tag)->OnEvent(ok);
    }
  }
  link_ = nullptr;
}

void GrpcPoller::WakeUp() {
  if (self_ == nullptr || std::exchange(run_posted_, true)) return;
  boost::asio::post(loop_, [weak = std::weak_ptr<GrpcPoller*>(self_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    (*self)->run_posted_ = false;
    (*self)->Run();
  });
}

void GrpcPoller::WaitReadable() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [weak = std::weak_ptr<GrpcPoller*>(self_)](const auto& error) {
                         const auto self = weak.lock();
                         if (error || self == nullptr) return;
                         (*self)->Run();
                         (*self)->WaitReadable();
                       });
}

void GrpcPoller::StartTimer() {
  const auto watched = link_->unanswered() > 0 ? kBusyTick : Link::kTick;
  timer_.expires_after(readable_.is_open() ? watched : kBlindTick);
  timer_.async_wait([weak = std::weak_ptr<GrpcPoller*>(self_)](const auto& error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    (*self)->Run();
    (*self)->StartTimer();
  });
}

void GrpcPoller::Run() {
  if (link_ != nullptr && !Turn(kUpstreamBytesPerTurnMax)) WakeUp();
}

bool GrpcPoller::Turn(size_t bytes_max) {
  received_bytes_ = 0;
  bool at_bound = false;
  int events = 0;
  for (int idle = 0; idle < kIdlePolls && !at_bound;) {
    const bool wrote = link_->Write();
    void* tag = nullptr;
    bool ok = false;
    const auto status = queue_.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_REALTIME));
    const bool came = status == grpc::CompletionQueue::GOT_EVENT;
    if (came) {
      static_cast<channel::CompletionEvent*>(tag)->OnEvent(ok);
      at_bound = received_bytes_ >= bytes_max || ++events >= kEventsPerTurnMax;
    }
    idle = wrote || came ? 0 : idle + 1;
  }
  // After reading: what has come in time is not overdue, however long the loop was busy.
  TickIfDue();
  link_->OnTurnEnd();
  return !at_bound;
}

void GrpcPoller::TickIfDue() {
  const channel::SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_tick_) return;
  next_tick_ = now + Link::kTick / 2;
  link_->OnTick();
}

}  // namespace edge
