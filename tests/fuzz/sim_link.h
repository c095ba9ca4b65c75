// The way between one edge and the service, in the simulation: what channel_client.cc and
// channel_link.cc do with their threads and gRPC, step by step on one thread, so that every order
// of hand-overs can happen. The resume table and the publish queue are the real ones.
//
// Six queues, each moved by a step of its own: the edge's calls → the client; the client → the
// stream → the hub; the hub → the client; publications → the engine; answers → the client; the
// inbox → the edge's loop. A lost link loses what is on the streams, and nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

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

  // edge::Upstream, on the edge's loop.
  void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) override;
  void Unsubscribe(std::string_view group_id) override;
  [[nodiscard]] bool Publish(const channel::PublishInput& input, uint64_t token) override;

  // The steps; false if there was nothing to do.
  static constexpr int kSteps = 8;
  bool Step(int number, edge::Router* router);

  void Connect();
  void Lose();
  // The client's timers.
  void Tick();
  // What waits where, for a trace.
  std::string Describe() const;

 private:
  struct Interest {
    std::string group_id;
    uint64_t tag;
    channel::SubscribeFrom from;
    bool subscribe;
  };
  using InboxItem = std::variant<channel::v1::SubscribeResponse, channel::PublishAnswer>;

  bool TakeOutbox();
  bool WriteSubscriptions();
  bool ServeSubscriptions();
  bool ReadEvents();
  bool WritePublications();
  bool ServePublication();
  bool ReadAnswer();
  bool TakeInbox(edge::Router* router);
  void Filter(channel::v1::SubscribeResponse* batch);
  channel::PublishAnswer AnswerFront(absl::Status status);

  SimService& service_;
  const channel::Clock& clock_;
  const edge::EdgeLimits& limits_;
  const std::string publisher_;
  const bool trace_;

  // Called by the edge, not yet taken by the client.
  std::vector<Interest> outbox_interests_;
  std::vector<channel::PublishQueue::Entry> outbox_publications_;
  size_t publish_bytes_ = 0;
  uint64_t last_sequence_ = 0;

  // The client.
  channel::ResumeTable resume_table_;
  channel::PublishQueue publish_queue_;
  std::deque<InboxItem> inbox_;

  // The streams; gone with the link.
  std::unique_ptr<SimSubscriber> subscriber_;
  std::deque<channel::v1::SubscribeRequest> requests_;
  std::deque<channel::v1::PublishRequest> publications_;
  std::deque<channel::PublishOutcome> answers_;

  std::map<std::string, size_t> gaps_;
};

}  // namespace fuzz
