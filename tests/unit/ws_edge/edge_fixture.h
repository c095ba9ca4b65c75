// Router, groups and real sessions on socket pairs, between a test's clients and an upstream that
// only notes what it is asked: the test says what the channel service answers.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "tests/support/fake_clock.h"
#include "ws_edge/router.h"
#include "ws_edge/session.h"

namespace edge {

class NotingUpstream final : public Upstream {
 public:
  struct Asked {
    std::string group_id;
    uint64_t tag;
    channel::SubscribeFrom from;
  };
  struct Published {
    std::string text;  // "GROUP:BODY"
    uint64_t token;
  };

  void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) override {
    asked.push_back({std::string(group_id), tag, std::move(from)});
  }
  void Unsubscribe(std::string_view group_id) override {
    unsubscribed.push_back(std::string(group_id));
  }
  bool Publish(const channel::PublishInput& input, uint64_t token) override {
    if (full) return false;
    published.push_back({std::string(input.group_id) + ":" + std::string(input.body), token});
    return true;
  }

  std::vector<Asked> asked;
  std::vector<std::string> unsubscribed;
  std::vector<Published> published;
  bool full = false;
};

class EdgeFixture : public ::testing::Test, public SessionObserver {
 protected:
  // A client of the enveloped dialect, or of the plain one. What it is told comes as text frames.
  class Client {
   public:
    Client(EdgeFixture& edge, bool enveloped);
    ~Client() { Vanish(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void Say(std::string_view text);
    void Vanish();
    // The frames since the last call; `{"event":"` and what no test looks at is left out.
    std::vector<std::string> Told();

   private:
    void Take();

    EdgeFixture& edge_;
    int fd_ = -1;
    bool upgraded_ = false;
    std::string buffer_;
  };

  ~EdgeFixture() override;

  void OnSessionOver(Session* session, const CloseReason& reason) override;
  void OnSessionClosing(Session*) override {}
  void OnMessageIncomplete(Session*, bool) override {}

  void Settle();

  // The newest question for the group, as "since OFFSET", "last COUNT" or "now"; the number of all
  // questions so far is `upstream_.asked.size()`.
  std::string AskedLast() const;
  // The answers to the newest question. `missed`: so many publications follow that are older.
  void Confirm(const std::string& group_id, uint64_t head, bool recovered = true,
               uint32_t missed = 0);
  void ConfirmWithGap(const std::string& group_id, uint64_t head, uint64_t after, uint64_t before,
                      uint32_t missed = 0);
  void Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset);
  // Answers a publication: accepted at `offset`, or with 0 not at all, for now.
  void AnswerSend(size_t number, uint64_t offset);
  void Tick(std::chrono::milliseconds time);

  boost::asio::io_context loop_{1};
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::test::FakeClock clock_;
  FlushList flush_list_{loop_};
  NotingUpstream upstream_;
  std::vector<std::shared_ptr<Session>> sessions_;
  Router router_{limits_, metrics_, clock_, upstream_, [this](uint64_t id) -> Session* {
                   return id <= sessions_.size() ? sessions_[id - 1].get() : nullptr;
                 }};
  const std::string name_ = "edge";
  bool service_away_ = false;
  SessionContext context_{name_,       name_,   name_, limits_,      metrics_,
                          flush_list_, router_, *this, service_away_};
  uint16_t close_code_ = 0;  // of the session that was over last
};

}  // namespace edge
