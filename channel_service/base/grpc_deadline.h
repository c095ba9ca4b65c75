// Deadlines of gRPC's completion queues by the steady clock: the wall clock may be set meanwhile.
#pragma once

#include <grpc/support/time.h>

#include <chrono>

namespace channel {

inline gpr_timespec DeadlineIn(std::chrono::milliseconds wait) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(wait.count(), GPR_TIMESPAN));
}

}  // namespace channel
