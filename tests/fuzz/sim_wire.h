// The way between one edge's link and the service, in the simulation: the link is the real one, on
// streams without a network.
//
// Each direction of a stream is moved by steps of its own, so that every order of reads and writes
// can happen: subscriptions → the stream → the hub; the hub → the edge; publications → the stream
// → the engine; answers → the edge. A lost link loses what is on the streams, and nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "channel/v1/channel.pb.h"
#include "tests/fuzz/sim_service.h"
#include "tests/support/fake_transport.h"
#include "ws_edge/limits.h"
#include "ws_edge/upstream/link.h"

namespace fuzz {

class SimWire {
 public:
  SimWire(SimService& service, const channel::Clock& clock, const edge::EdgeLimits& limits,
          edge::EdgeMetrics& metrics, std::string name, bool trace);
  ~SimWire() { Lose(); }

  edge::Link& link() { return link_; }
  bool up() const { return subscriber_ != nullptr; }
  // Publications of the edge that the service has not answered.
  size_t unanswered() const { return link_.unanswered(); }
  // Gaps that the service announced for the group on this link.
  size_t gaps(const std::string& group) const {
    const auto found = gaps_.find(group);
    return found == gaps_.end() ? 0 : found->second;
  }

  // The steps; false if there was nothing to do.
  static constexpr int kSteps = 6;
  static constexpr int kStepsWithSharedLog = 7;  // the last one brings a publication to the node
  bool Step(int number);

  void Connect();
  void Lose();
  void Tick();
  // Describes the queues of the link and of the streams, for a trace.
  std::string Describe() const;

 private:
  static edge::LinkOptions Options(const edge::EdgeLimits& limits, const std::string& name);
  // The link writes on this stream, if it has something to write.
  bool Write(edge::test::FakeStream* stream);
  bool ServeSubscriptions();
  bool ReadEvents();
  bool ServePublication();
  bool ReadAnswer();

  SimService& service_;
  const std::string name_;
  const bool trace_;
  edge::test::FakeTransport transport_;
  edge::Link link_;

  // The streams; gone with the link.
  std::unique_ptr<SimSubscriber> subscriber_;
  std::deque<channel::v1::SubscribeRequest> requests_;
  std::deque<channel::v1::PublishRequest> publications_;
  std::deque<channel::v1::PublishResult> answers_;
  size_t reads_ = 0;  // of answers

  size_t connects_ = 0;  // each is to the next node
  std::map<std::string, size_t> gaps_;
};

}  // namespace fuzz
