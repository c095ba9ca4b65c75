// Router, groups and real sessions on socket pairs, between a test's clients and a link whose other
// end is the test: it says what the channel service answers.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_upstream.h"
#include "ws_edge/router.h"
#include "ws_edge/session.h"

namespace edge {

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

  EdgeFixture() { upstream_.Start(&router_); }
  ~EdgeFixture() override;

  void OnSessionOver(Session* session, const CloseReason& reason) override;
  void OnSessionClosing(Session*) override {}
  void OnMessageIncomplete(Session*, bool) override {}

  void Settle();

  // As upstream_ has them, with all that follows from it.
  std::string AskedLast() { return upstream_.AskedLast(); }
  void Confirm(const std::string& group_id, uint64_t head, bool recovered = true, uint32_t due = 0);
  void ConfirmWithGap(const std::string& group_id, uint64_t head, uint64_t after, uint64_t before,
                      uint32_t due = 0);
  void Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset);
  void AnswerSend(uint64_t offset);
  void Tick(std::chrono::milliseconds time);

  boost::asio::io_context loop_{1};
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::test::FakeClock clock_;
  LoopFlushList flush_list_{loop_};
  test::FakeUpstream upstream_{clock_, metrics_};
  std::vector<std::shared_ptr<Session>> sessions_;
  Router router_{limits_, metrics_, clock_, upstream_.link(), [this](uint64_t id) -> Session* {
                   return id <= sessions_.size() ? sessions_[id - 1].get() : nullptr;
                 }};
  const std::string name_ = "edge";
  bool service_away_ = false;
  SessionContext context_{name_,       name_,   name_, limits_,      metrics_,
                          flush_list_, router_, *this, service_away_};
  uint16_t close_code_ = 0;  // of the session that was over last
};

}  // namespace edge
