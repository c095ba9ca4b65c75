// Asks gRPC for calls: at most kCallsPerTurn of each method in a turn of the loop.
//
// A call that comes takes 60 µs, most of it gRPC's, and gRPC has the next one ready as long as
// there are some: 4,000 that came at once kept the loop from all sockets for 0.2 s. The loop owns
// it; its thread only.
#pragma once

#include <deque>

namespace channel {

struct RpcContext;

// Makes a call of one method that waits for a client.
using AcceptCall = void (*)(RpcContext& context);

class NextCalls {
 public:
  // Asks for as many calls as a turn may bring.
  static void Begin(RpcContext& context, AcceptCall accept);
  // A call has come: another one is asked for in its stead, when this turn's are handled.
  void Replace(RpcContext& context, AcceptCall accept) { calls_.push_back({context, accept}); }
  // Asks for them, until kNextCallsTimeMax is over or none is left.
  void Run();
  bool empty() const { return calls_.empty(); }

 private:
  struct Call {
    RpcContext& context;
    AcceptCall accept;
  };

  std::deque<Call> calls_;
};

}  // namespace channel
