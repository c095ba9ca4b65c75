// The account of the messages of a swarm: sent, expected, delivered, and what was wrong with them.
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

 protected:
  // Handles events until all messages have come, or 5 s have passed. Returns false if anything is
  // missing then.
  bool Drain();
  // The end of a measurement: drains, counts what is missing then as lost, and returns the cost and
  // what came since the last result.
  boost::json::object Finish(CostMeter& meter);
  // Joins are not acknowledged in every dialect: `send` sends probe number probe_ to all groups,
  // again and again, until every session heard the newest one wherever it should. As messages of
  // one sender come in order, nothing is on its way after that.
  void AwaitJoined(const std::function<void()>& send);
  // The newest probe that one session heard.
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
  Faults faults_before_;     // in the last result
  uint64_t deliveries_before_ = 0;
  uint64_t expected_ = 0;  // deliveries of all that was sent
  uint32_t probe_ = 0;     // the newest
  uint32_t probed_ = 0;    // sessions that heard it as often as they should
};

}  // namespace channel::bench
