// What is measured with a swarm. Each returns its result.
#pragma once

#include <cstdint>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/fan_out.h"
#include "tests/bench/load/talk.h"

namespace channel::bench {

// Closed loop: `senders` members of each group send, each of them its next message when it has its
// own previous one. A message that is lost ends its sender's loop, and is found at the end.
boost::json::object Saturate(Talk& talk, const CpuClocks& servers, uint32_t senders, uint32_t bytes,
                             int64_t ns);

// Open loop: so many publications a second in all, evenly spaced, by the senders in turn.
boost::json::object SendAtRate(Talk& talk, const CpuClocks& servers, double per_second,
                               uint32_t senders, uint32_t bytes, int64_t ns);

// One message on its way at a time, from session 0 to session 1 and back in turn; needs two
// sessions in one group. All latencies at the other session are in the result.
boost::json::object MeasureLatency(Talk& talk, uint32_t count, int64_t interval_ns, uint32_t bytes);

// Orders, waits until every session has everything, and so on for the time given.
boost::json::object MeasureTurns(FanOut& fan_out, const CpuClocks& servers, const Order& order,
                                 int64_t ns);

// For the servers to finish what nobody waits for, so that the next measurement does not pay it:
// until they use hardly any CPU time, at most 3 s.
void AwaitQuiet(Swarm& swarm, const CpuClocks& servers);

// Connects `count` sessions, each of which is upgraded, joins one of `groups` groups and has that
// answered; then closes them, unmeasured, and waits until the servers are quiet.
boost::json::object MeasureConnects(Swarm& swarm, const CpuClocks& servers, uint32_t count,
                                    uint32_t groups);

}  // namespace channel::bench
