// Asks gRPC for calls: at most kCallsPerTurn of each method in a turn of the loop.
//
// A call that comes takes 60 µs, most of it gRPC's, and gRPC has the next one ready as long as
// there are some: 4,000 that came at once kept the loop from all sockets for 0.2 s. The server owns
// it; loop thread only.
#pragma once

#include <vector>

#include "channel_service/rpc/slice_queue.h"

namespace channel {

struct RpcContext;

// Makes a call of one method that waits for a client.
using AcceptCall = void (*)(RpcContext& context);

class NextCalls final : public SlicedWork {
 public:
  explicit NextCalls(SliceQueue& slices) : slices_(slices) {}

  // Asks for as many calls as a turn may bring.
  static void Begin(RpcContext& context, AcceptCall accept);
  // A call has come: another one is asked for in its stead, when this turn's are handled.
  void Replace(RpcContext& context, AcceptCall accept);

 private:
  struct Call {
    RpcContext& context;
    AcceptCall accept;
  };

  bool DoSlice() override;

  SliceQueue& slices_;
  std::vector<Call> calls_;
};

}  // namespace channel
