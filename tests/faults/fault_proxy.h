// A TCP proxy that breaks what passes through it, on demand.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace faults {

class ProxyLink;

// The faults of one direction of all connections. The default is a good link.
struct LinkFaults {
  std::size_t bytes_per_second = 0;  // 0 = as fast as it goes
  // Nothing is forwarded. Bytes that come are kept and forwarded later, as TCP would send it again.
  bool stopped = false;
  // One bit is flipped in so many bytes on average; 0 = none.
  std::size_t flip_every_bytes = 0;
};

enum class Way { kUp, kDown, kBoth };  // up: from those who connect to the target
enum class CutKind { kReset, kFin };

// Listens on a port of its own at 127.0.0.1 and connects each connection on to the target. It runs
// on a thread of its own; calls may come from any other, and have taken effect when they return.
// Which bits are flipped depends on the seed, the number of the connection and the position in its
// bytes, not on timing.
class FaultProxy {
 public:
  FaultProxy(std::uint16_t target_port, std::uint64_t seed);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::uint16_t port() const { return port_; }

  // For connections that there are, and those to come.
  void Set(Way way, const LinkFaults& faults);
  // A good link in both directions, and no refusal.
  void Heal();
  // Ends all connections.
  void Cut(CutKind kind);
  // New connections are reset at once.
  void Refuse(bool refusing);

  struct Counts {
    std::uint64_t connections = 0;
    std::size_t open = 0;
    std::uint64_t bytes_up = 0;
    std::uint64_t bytes_down = 0;
    std::uint64_t flipped = 0;
  };
  Counts counts();

 private:
  friend class ProxyLink;
  void Accept();
  void ApplyToAll();
  void Forget(ProxyLink* link);
  // Runs `work` on the proxy's thread and waits for it.
  void Call(const std::function<void()>& work);

  const std::uint16_t target_port_;
  const std::uint64_t seed_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  LinkFaults up_;
  LinkFaults down_;
  bool refusing_ = false;
  Counts counts_;
  std::vector<std::shared_ptr<ProxyLink>> links_;
  std::thread thread_;
};

}  // namespace faults
