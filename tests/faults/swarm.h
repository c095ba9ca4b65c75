// Many clients on one thread of their own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/swarm_client.h"
#include "tests/support/deadline.h"

namespace faults {

// The calls may come from one other thread, and have taken effect when they return.
class Swarm {
 public:
  Swarm(std::uint16_t port, std::uint64_t seed);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // Adds and starts a client; gives its number, counted from 0.
  std::size_t Add(SwarmClientOptions options);
  std::size_t size() const { return clients_.size(); }

  // Runs `work` on the swarm's thread, where clients may be used.
  void Call(const std::function<void()>& work);
  void With(std::size_t number, const std::function<void(SwarmClient&)>& work) {
    Call([&] { work(clients_[number]); });
  }
  SwarmClient& client(std::size_t number) { return clients_[number]; }

  // All clients (that are not away) are connected and have joined their groups.
  void AwaitJoined(support::Duration wait = support::kPatience);
  std::size_t joined();
  // Every member of a group stands at or behind what is its newest acknowledged publication now.
  void AwaitDelivered(support::Duration wait = support::kPatience);
  // No client begins a new publication.
  void StopSending();
  // Everything is answered, and AwaitDelivered.
  void Settle(support::Duration wait);
  // Sum over all clients.
  SwarmClient::Counts Counts();

  PublicationLogs& publications() { return publications_; }
  EpochNumbers& epochs() { return epochs_; }

  // Ends all clients; what they saw, and what was published.
  History TakeHistory();
  // The history until now; the next one begins here. Only after Settle.
  History CutHistory();

 private:
  void StartTick();
  // The first complaint that `complaint` makes of any client, until it makes none of any.
  void AwaitNo(const std::function<std::string(const SwarmClient&)>& complaint,
               support::Duration wait);

  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  boost::asio::steady_timer tick_{loop_};
  std::mt19937_64 random_;
  EpochNumbers epochs_;
  PublicationLogs publications_;
  SwarmContext context_;
  std::deque<SwarmClient> clients_;
  std::thread thread_;
};

}  // namespace faults
