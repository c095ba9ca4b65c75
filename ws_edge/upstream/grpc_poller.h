// gRPC on the edge's loop: opens the link's streams, runs their completions, and calls the link.
//
// Owned by the edge server; loop thread only. gRPC's sockets are watched as one descriptor of the
// loop (poll_descriptor.h), and looked after each kTick in any case. What they have is taken a
// portion at a time (kUpstreamBytesPerTurnMax), so that a burst neither stops the loop nor makes a
// client that reads look slow; the rest stays in the sockets, and gRPC's flow control holds the
// service up. What sessions publish or subscribe to in a turn is written at its end.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "ws_edge/upstream/link.h"
#include "ws_edge/upstream/stream.h"

namespace edge {

class GrpcPoller final : public Transport {
 public:
  GrpcPoller(boost::asio::io_context& loop, const std::vector<std::string>& addresses);
  ~GrpcPoller();

  // Runs the link until Stop.
  void Start(Link* link);
  // Stops the link and waits for it, with `patience` for its last publications. The loop stands
  // still meanwhile.
  void Stop(std::chrono::milliseconds patience);

  // Transport
  std::unique_ptr<Stream> Open(size_t address, Method method, Wait wait,
                               Stream::Observer* observer) override;
  void WakeUp() override;

 private:
  // A turn: takes what has come, and writes what can be. False: it stopped at the bound.
  bool Turn(size_t bytes_max);
  void Run();
  void TickIfDue();
  void WaitReadable();
  void StartTimer();

  boost::asio::io_context& loop_;
  const int grpc_descriptor_;  // before anything of gRPC
  grpc::CompletionQueue queue_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;  // one for each address
  boost::asio::posix::stream_descriptor readable_;        // of its own, for gRPC's epoll set
  boost::asio::steady_timer timer_;
  Link* link_ = nullptr;  // null: not started, or stopped
  channel::SteadyTime next_tick_;
  size_t received_bytes_ = 0;  // in this turn
  bool run_posted_ = false;
  // Posted handlers may run when this is gone.
  std::shared_ptr<GrpcPoller*> self_ = std::make_shared<GrpcPoller*>(this);
};

}  // namespace edge
