// The way between one edge and the service, in the simulation: what channel_client.cc and
// channel_link.cc do with gRPC, step by step, so that every order of reads and writes can happen.
// The resume table and the publish queue are the real ones.
//
// Each direction of a stream is moved by steps of its own: subscriptions → the stream → the hub;
// the hub → the edge; publications → the stream → the engine; answers → the edge. A lost link loses
// what is on the streams, and nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "channel/v1/channel.pb.h"
#include "channel_service/client/publish_answer.h"
#include "channel_service/client/publish_queue.h"
#include "channel_service/client/resume_table.h"
#include "tests/fuzz/sim_service.h"
#include "ws_edge/limits.h"
#include "ws_edge/router.h"
#include "ws_edge/upstream.h"

namespace fuzz {

class SimLink final : public edge::Upstream {
 public:
  SimLink(SimService& service, const channel::Clock& clock, const edge::EdgeLimits& limits,
          std::string publisher, bool trace)
      : service_(service),
        clock_(clock),
        limits_(limits),
        publisher_(std::move(publisher)),
        trace_(trace) {}
  ~SimLink() { Lose(); }

  bool up() const { return subscriber_ != nullptr; }
  // Gaps that the service announced for the group on this link.
  size_t gaps(const std::string& group) const {
    const auto found = gaps_.find(group);
    return found == gaps_.end() ? 0 : found->second;
  }

  // edge::Upstream
  void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) override;
  void Unsubscribe(std::string_view group_id) override;
  [[nodiscard]] bool Publish(const channel::PublishInput& input, uint64_t token) override;

  // The steps; false if there was nothing to do.
  static constexpr int kSteps = 6;
  static constexpr int kStepsWithSharedLog = 7;  // the last one brings a publication to the node
  bool Step(int number, edge::Router* router);

  void Connect();
  void Lose();
  // The client's timers.
  void Tick(edge::Router* router);
  // What waits where, for a trace.
  std::string Describe() const;

 private:
  bool WriteSubscriptions();
  bool ServeSubscriptions();
  bool ReadEvents(edge::Router* router);
  bool WritePublications();
  bool ServePublication();
  bool ReadAnswer(edge::Router* router);
  void Give(const channel::v1::SubscribeResponse& batch, edge::Router* router);
  void Filter(channel::v1::SubscribeResponse* batch);
  channel::PublishAnswer AnswerFront(absl::Status status);

  SimService& service_;
  const channel::Clock& clock_;
  const edge::EdgeLimits& limits_;
  const std::string publisher_;
  const bool trace_;

  // The client.
  channel::ResumeTable resume_table_;
  channel::PublishQueue publish_queue_;
  size_t publish_bytes_ = 0;
  uint64_t last_sequence_ = 0;

  // The streams; gone with the link.
  std::unique_ptr<SimSubscriber> subscriber_;
  std::deque<channel::v1::SubscribeRequest> requests_;
  std::deque<channel::v1::PublishRequest> publications_;
  std::deque<channel::PublishOutcome> answers_;

  size_t connects_ = 0;  // each is to the next node
  std::map<std::string, size_t> gaps_;
};

}  // namespace fuzz
