#include "channel_service/rpc/next_calls.h"

#include "channel_service/base/clock.h"
#include "channel_service/limits.h"
#include "channel_service/rpc/context.h"

namespace channel {

void NextCalls::Begin(RpcContext& context, AcceptCall accept) {
  for (int i = 0; i < kCallsPerTurn; ++i) accept(context);
}

void NextCalls::Run() {
  if (calls_.empty()) return;
  const SteadyTime until = std::chrono::steady_clock::now() + kNextCallsTimeMax;
  do {
    const Call call = calls_.front();
    calls_.pop_front();
    if (call.context.accepting) call.accept(call.context);
  } while (!calls_.empty() && std::chrono::steady_clock::now() < until);
}

}  // namespace channel
