// What was sent to the sessions of a swarm and what they got, and a measurement of it.
#pragma once

#include <cstdint>
#include <functional>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/sequence_check.h"
#include "tests/bench/load/swarm.h"

namespace channel::bench {

// The receiver of a swarm as long as it lives. The kinds of it check what comes.
class Account : public Receiver {
 public:
  explicit Account(Swarm& swarm) : swarm_(swarm) { swarm.set_receiver(this); }
  ~Account() override { swarm_.set_receiver(nullptr); }
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  Swarm& swarm() const { return swarm_; }
  // So far.
  uint64_t deliveries() const { return deliveries_; }
  Faults faults() const;

  // Handles events until all messages have come, or 5 s have passed: then the rest is lost. Returns
  // false if anything is lost.
  bool Drain();

 protected:
  // Joins are not acknowledged in every dialect: `send` sends probe number probe_ to all groups,
  // again and again, until every session heard the newest one wherever it should. As messages of
  // one sender come in order, nothing is on its way after that.
  void AwaitJoined(const std::function<void()>& send);
  // What one session heard of the newest probe.
  struct Heard {
    uint64_t probe = 0;
    uint32_t times = 0;
  };
  // `times`: how often the session should hear it.
  void OnProbe(Heard& heard, uint64_t probe, size_t times);
  // Adds what did not come to faults_.lost.
  virtual void CountMissing() = 0;

  Swarm& swarm_;
  Faults faults_;
  uint64_t deliveries_ = 0;  // without probes
  uint64_t expected_ = 0;    // deliveries of all that was sent
  uint32_t probe_ = 0;       // the newest
  uint32_t probed_ = 0;      // sessions that heard it as often as they should
};

// One measurement: from the constructor until End, when all that was sent has come or is counted as
// lost.
class Window {
 public:
  Window(Account& account, const CpuClocks& servers)
      : account_(account),
        faults_before_(account.faults()),
        deliveries_before_(account.deliveries()),
        meter_(servers) {}

  int64_t start() const { return meter_.start(); }
  boost::json::object End();

 private:
  Account& account_;
  const Faults faults_before_;
  const uint64_t deliveries_before_;
  CostMeter meter_;
};

}  // namespace channel::bench
