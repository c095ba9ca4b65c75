// A back end that publishes over gRPC and does not give up.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/faults/history.h"

namespace faults {

struct GrpcPublisherOptions {
  std::vector<std::string> services;  // HOST:PORT; the next one in turn when one does not answer
  std::uint32_t sender = 0;           // unique in the run
  std::vector<std::string> groups;
  double per_second = 0;
  std::uint64_t seed = 0;
};

// One publication at a time, each with a key of its own, tried until it is answered. On a thread of
// its own.
class GrpcPublisher {
 public:
  GrpcPublisher(GrpcPublisherOptions options, PublicationLogs& publications, EpochNumbers& epochs);
  ~GrpcPublisher() { Stop(); }
  GrpcPublisher(const GrpcPublisher&) = delete;
  GrpcPublisher& operator=(const GrpcPublisher&) = delete;

  // Begins nothing new; the last publication has some seconds to be answered.
  void Stop();
  // The final refusals of the service, in words.
  const std::vector<std::string>& refusals() const { return refusals_; }  // after Stop

 private:
  void Run();

  const GrpcPublisherOptions options_;
  PublicationLogs& publications_;
  EpochNumbers& epochs_;
  std::mt19937_64 random_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::string> refusals_;
  std::thread thread_;
};

}  // namespace faults
