#include "tests/faults/fault_proxy.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>

#include "tests/faults/proxy_pipe.h"

namespace faults {

using boost::asio::ip::tcp;
using boost::system::error_code;

// One connection: both sockets and both directions. Kept by the proxy's list.
class ProxyLink : public std::enable_shared_from_this<ProxyLink> {
 public:
  ProxyLink(FaultProxy& proxy, tcp::socket client, std::uint64_t number)
      : proxy_(proxy),
        client_(std::move(client)),
        target_(proxy.loop_),
        up_(client_, target_, proxy.seed_ + number * 2, proxy.counts_.bytes_up,
            proxy.counts_.flipped, [this](bool failed) { OnPipeEnd(failed); }),
        down_(target_, client_, proxy.seed_ + number * 2 + 1, proxy.counts_.bytes_down,
              proxy.counts_.flipped, [this](bool failed) { OnPipeEnd(failed); }) {}

  void Start() {
    Apply();
    const tcp::endpoint target(boost::asio::ip::address_v4::loopback(), proxy_.target_port_);
    target_.async_connect(target, [self = shared_from_this()](error_code error) {
      if (self->over_) return;
      if (error) return self->End(CutKind::kReset);
      error_code ignored;
      self->client_.set_option(tcp::no_delay(true), ignored);
      self->target_.set_option(tcp::no_delay(true), ignored);
      self->up_.Start(self);
      self->down_.Start(self);
    });
  }

  void Apply() {
    up_.Apply(proxy_.up_);
    down_.Apply(proxy_.down_);
  }

  void End(CutKind kind) {
    if (std::exchange(over_, true)) return;
    const auto self = shared_from_this();
    up_.Stop();
    down_.Stop();
    for (tcp::socket* socket : {&client_, &target_}) {
      error_code ignored;
      if (kind == CutKind::kReset) {
        socket->set_option(tcp::socket::linger(true, 0), ignored);
      } else {
        socket->shutdown(tcp::socket::shutdown_both, ignored);
      }
      socket->close(ignored);
    }
    proxy_.Forget(this);
  }

 private:
  // When one direction is over the other one goes on.
  void OnPipeEnd(bool failed) {
    if (failed) return End(CutKind::kReset);
    if (up_.over() && down_.over()) End(CutKind::kFin);
  }

  FaultProxy& proxy_;
  tcp::socket client_;
  tcp::socket target_;
  ProxyPipe up_;
  ProxyPipe down_;
  bool over_ = false;
};

FaultProxy::FaultProxy(std::uint16_t target_port, std::uint64_t seed)
    : target_port_(target_port),
      seed_(seed),
      acceptor_(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  Accept();
  thread_ = std::thread([this] { loop_.run(); });
}

FaultProxy::~FaultProxy() {
  Call([this] {
    acceptor_.close();
    const auto links = links_;
    for (const auto& link : links) link->End(CutKind::kReset);
  });
  work_.reset();
  thread_.join();
}

void FaultProxy::Set(Way way, const LinkFaults& faults) {
  Call([this, way, &faults] {
    if (way != Way::kDown) up_ = faults;
    if (way != Way::kUp) down_ = faults;
    ApplyToAll();
  });
}

void FaultProxy::Heal() {
  Call([this] {
    up_ = down_ = LinkFaults{};
    refusing_ = false;
    ApplyToAll();
  });
}

void FaultProxy::Cut(CutKind kind) {
  Call([this, kind] {
    const auto links = links_;
    for (const auto& link : links) link->End(kind);
  });
}

void FaultProxy::Refuse(bool refusing) {
  Call([this, refusing] { refusing_ = refusing; });
}

FaultProxy::Counts FaultProxy::counts() {
  Counts counts;
  Call([this, &counts] {
    counts = counts_;
    counts.open = links_.size();
  });
  return counts;
}

void FaultProxy::Accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      auto link = std::make_shared<ProxyLink>(*this, std::move(socket), counts_.connections++);
      links_.push_back(link);
      if (refusing_) {
        link->End(CutKind::kReset);
      } else {
        link->Start();
      }
    }
    Accept();
  });
}

void FaultProxy::ApplyToAll() {
  const auto links = links_;
  for (const auto& link : links) link->Apply();
}

void FaultProxy::Forget(ProxyLink* link) {
  std::erase_if(links_, [link](const auto& kept) { return kept.get() == link; });
}

void FaultProxy::Call(const std::function<void()>& work) {
  std::promise<void> done;
  boost::asio::post(loop_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace faults
