#include "tests/faults/swarm.h"

#include <boost/asio/post.hpp>
#include <future>
#include <iterator>

namespace faults {

constexpr std::chrono::milliseconds kTick{10};

Swarm::Swarm(std::uint16_t port, std::uint64_t seed)
    : random_(seed), context_{loop_, port, epochs_, publications_, random_} {
  StartTick();
  thread_ = std::thread([this] { loop_.run(); });
}

Swarm::~Swarm() {
  Call([this] {
    tick_.cancel();
    clients_.clear();
  });
  work_.reset();
  loop_.stop();
  thread_.join();
}

std::size_t Swarm::Add(SwarmClientOptions options) {
  Call([&] {
    clients_.emplace_back(context_, std::move(options));
    clients_.back().Start();
  });
  return clients_.size() - 1;
}

void Swarm::Call(const std::function<void()>& work) {
  std::promise<void> done;
  boost::asio::post(loop_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void Swarm::StartTick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    const Time now = std::chrono::steady_clock::now();
    for (SwarmClient& client : clients_) client.OnTick(now);
    StartTick();
  });
}

std::size_t Swarm::joined() {
  std::size_t count = 0;
  Call([&] {
    for (const SwarmClient& client : clients_) count += client.joined() ? 1 : 0;
  });
  return count;
}

void Swarm::AwaitJoined(support::Duration wait) {
  support::Await(
      "all clients have joined",
      [this] {
        bool all = true;
        Call([&] {
          for (const SwarmClient& client : clients_)
            all = all && (client.joined() || client.away());
        });
        return all;
      },
      wait);
}

void Swarm::StopSending() {
  Call([this] {
    for (SwarmClient& client : clients_) client.StopSending();
  });
}

void Swarm::Settle(support::Duration wait) {
  const support::Deadline deadline = support::After(wait);
  AwaitNo([](const SwarmClient& client) { return client.Unanswered(); }, wait);
  AwaitDelivered(support::Duration(support::MillisecondsLeft(deadline)));
}

void Swarm::AwaitDelivered(support::Duration wait) {
  const std::map<std::string, Position> heads = publications_.Heads();
  AwaitNo([&heads](const SwarmClient& client) { return client.Behind(heads); }, wait);
}

void Swarm::AwaitNo(const std::function<std::string(const SwarmClient&)>& complaint,
                    support::Duration wait) {
  std::string first;
  const auto none = [&] {
    Call([&] {
      for (const SwarmClient& client : clients_) {
        if (!(first = complaint(client)).empty()) return;
      }
    });
    return first.empty();
  };
  if (support::WaitUntil(none, wait)) return;
  throw support::TestFailure("after " + std::to_string(wait.count()) + " ms: " + first);
}

SwarmClient::Counts Swarm::Counts() {
  SwarmClient::Counts sum;
  Call([&] {
    for (const SwarmClient& client : clients_) {
      const SwarmClient::Counts& counts = client.counts();
      sum.connects += counts.connects;
      sum.resumes += counts.resumes;
      sum.retryable_errors += counts.retryable_errors;
      for (const auto& [code, count] : counts.closes) sum.closes[code] += count;
      sum.surprises.insert(sum.surprises.end(), counts.surprises.begin(), counts.surprises.end());
    }
  });
  return sum;
}

History Swarm::TakeHistory() {
  History history;
  Call([&] {
    for (SwarmClient& client : clients_) {
      std::vector<MemberLog> logs = client.TakeLogs();
      history.members.insert(history.members.end(), std::make_move_iterator(logs.begin()),
                             std::make_move_iterator(logs.end()));
    }
    clients_.clear();
  });
  history.publications = publications_.Copy();
  return history;
}

History Swarm::CutHistory() {
  History history;
  Call([&] {
    for (SwarmClient& client : clients_) {
      std::vector<MemberLog> logs = client.CutLogs();
      history.members.insert(history.members.end(), std::make_move_iterator(logs.begin()),
                             std::make_move_iterator(logs.end()));
    }
    history.publications = publications_.Take();
  });
  return history;
}

}  // namespace faults
