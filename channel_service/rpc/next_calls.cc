#include "channel_service/rpc/next_calls.h"

#include "channel_service/limits.h"
#include "channel_service/rpc/context.h"

namespace channel {

void NextCalls::Begin(RpcContext& context, AcceptCall accept) {
  for (int i = 0; i < kCallsPerTurn; ++i) accept(context);
}

void NextCalls::Replace(RpcContext& context, AcceptCall accept) {
  if (calls_.empty()) slices_.Add(PeerAddress{}, this);
  calls_.push_back({context, accept});
}

bool NextCalls::DoSlice() {
  for (const Call& call : calls_) {
    if (call.context.accepting) call.accept(call.context);
  }
  calls_.clear();
  return false;
}

}  // namespace channel
