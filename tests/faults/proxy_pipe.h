// One direction of one connection through the fault proxy.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "tests/faults/fault_proxy.h"

namespace faults {

// Reads from one socket and writes to the other one, both owned by the link, which `keep_alive`
// holds while an operation is on its way. Bounded: holds at most kHeldBytesMax, then stops reading.
class ProxyPipe {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `on_end` is called once: a socket failed, or (false) everything was forwarded, the end too.
  ProxyPipe(Socket& from, Socket& to, std::uint64_t seed, std::uint64_t& bytes,
            std::uint64_t& flipped, std::function<void(bool failed)> on_end);

  void Start(std::shared_ptr<void> keep_alive);
  void Apply(const LinkFaults& faults);
  void Stop();
  bool over() const { return end_sent_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kHeldBytesMax = 1 << 20;

  void Read();
  void Write();
  // True if the time has come; otherwise Write is called then.
  bool Reached(SteadyTime time);
  void Corrupt(std::string& bytes);

  Socket& from_;
  Socket& to_;
  std::uint64_t& bytes_;
  std::uint64_t& flipped_;
  std::function<void(bool failed)> on_end_;
  std::mt19937_64 random_;
  std::optional<std::uint64_t> until_flip_;  // bytes
  LinkFaults faults_;
  boost::asio::steady_timer timer_;
  SteadyTime next_write_at_{};
  std::array<char, 16 << 10> buffer_{};
  std::deque<std::string> held_;
  std::size_t held_bytes_ = 0;
  std::shared_ptr<void> keep_alive_;
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;  // the peer sends no more
  bool end_sent_ = false;
  bool stopped_ = false;
};

}  // namespace faults
