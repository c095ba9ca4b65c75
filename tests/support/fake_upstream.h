// A real link on streams without a network, which is up; the test says what the channel service
// answers.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "tests/support/fake_transport.h"
#include "ws_edge/upstream/link.h"

namespace edge::test {

class FakeUpstream {
 public:
  FakeUpstream(const channel::Clock& clock, EdgeMetrics& metrics, LinkOptions options = Options())
      : link_(std::move(options), transport_, clock, metrics) {}
  ~FakeUpstream();

  static LinkOptions Options();

  Link& link() { return link_; }
  FakeTransport& transport() { return transport_; }

  // The link comes up; what it gives goes to `observer`.
  void Start(Link::Observer* observer);
  // Both streams end; the link comes up again after `Reconnect`.
  void Lose();
  void Reconnect();

  // The link wrote these, in order.
  const std::vector<channel::v1::Subscription>& asked();
  // The groups that the service would give, by what it was told.
  const std::set<std::string>& held();
  // As "GROUP:BODY".
  const std::vector<std::string>& published();
  // "since OFFSET", "last COUNT" or "now"; "nothing" before the first question.
  std::string AskedLast();
  // The tag of the group's newest question; 0: none.
  uint64_t TagOf(const std::string& group_id);

  void Give(const channel::v1::SubscribeResponse& batch);
  // Answers the group's newest question. `due`: so many publications follow that are older.
  void Confirm(const std::string& group_id, uint64_t head, bool recovered = true, uint32_t due = 0,
               const std::string& epoch = "e");
  void GiveGap(const std::string& group_id, uint64_t after, uint64_t before,
               channel::v1::GapReason reason = channel::v1::GAP_REASON_RETENTION,
               const std::string& epoch = "e");
  void Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset);
  // Answers the oldest `count` publications: accepted at `offset` and the following ones, or with 0
  // not at all, for now.
  void Answer(uint64_t offset, int count = 1);

 private:
  void Take();

  FakeTransport transport_;
  Link link_;
  std::vector<channel::v1::Subscription> asked_;
  std::set<std::string> held_;
  std::vector<std::string> published_;
};

}  // namespace edge::test
