#include "ws_edge/session/service_notice.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/ws_edge/connected_session.h"

namespace edge {
namespace {

const std::string kAway = R"({"event":"service","available":false})";
const std::string kBack = R"({"event":"service","available":true})";

class ServiceNoticeTest : public ConnectedSessionTest {
 protected:
  // As the edge's timer does, for so long; what the client hears.
  std::string Tick(std::chrono::milliseconds time, bool up) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += kSweepInterval) {
      clock_.Step(kSweepInterval);
      notice_.OnTick(up);
      Turn();
    }
    return Receive();
  }
  // A small frame's payload.
  static std::string Payload(const std::string& frame) {
    return frame.size() < 2 ? "" : frame.substr(2);
  }

  ServiceNotice notice_{loop_, clock_,
                        [](int part) { return std::vector<uint64_t>(part == 3 ? 1 : 0, 1); },
                        [this](uint64_t) { return session_.get(); }};
};

TEST_F(ServiceNoticeTest, TheClientHearsOnceThatTheServiceIsAwayAndOnceThatItIsBack) {
  Upgrade(kEnvelopedSubprotocol);
  EXPECT_EQ(Tick(10 * kServiceNoticeDelay, /*up=*/true), "");
  EXPECT_EQ(Payload(Tick(10 * kServiceNoticeDelay, /*up=*/false)), kAway);
  EXPECT_TRUE(notice_.away());
  EXPECT_EQ(Payload(Tick(10 * kServiceNoticeDelay, /*up=*/true)), kBack);
  EXPECT_FALSE(notice_.away());
}

TEST_F(ServiceNoticeTest, ABlipTellsNobody) {
  Upgrade(kEnvelopedSubprotocol);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Tick(kServiceNoticeDelay, /*up=*/false), "");
    EXPECT_EQ(Tick(kSweepInterval, /*up=*/true), "");
  }
  Tick(2 * kServiceNoticeDelay, /*up=*/false);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Tick(kServiceNoticeDelay, /*up=*/true), "");
    EXPECT_EQ(Tick(kSweepInterval, /*up=*/false), "");
  }
}

TEST_F(ServiceNoticeTest, WhoOpensWhileItIsAwayHearsItAfterTheWelcome) {
  service_away_ = true;
  const std::string heard = Upgrade(kEnvelopedSubprotocol);
  EXPECT_NE(heard.find(R"("event":"welcome")"), std::string::npos);
  EXPECT_TRUE(heard.ends_with(kAway));
  Tick(2 * kServiceNoticeDelay, /*up=*/false);
  EXPECT_EQ(Payload(Tick(2 * kServiceNoticeDelay, /*up=*/true)), kBack);
}

TEST_F(ServiceNoticeTest, ThePlainDialectHasNoWordForIt) {
  service_away_ = true;
  EXPECT_TRUE(Upgrade().ends_with("\r\n\r\n"));
  EXPECT_EQ(Tick(2 * kServiceNoticeDelay, /*up=*/false), "");
}

TEST_F(ServiceNoticeTest, ManySessionsAreToldInManyTurns) {
  constexpr int kSessions = 10 * kNoticesPerTurnMax;
  std::vector<uint64_t> found;
  ServiceNotice notice(
      loop_, clock_,
      [&](int part) {
        std::vector<uint64_t> ids(kSessions / kPingBuckets);
        std::iota(ids.begin(), ids.end(), static_cast<uint64_t>(part) * ids.size());
        return ids;
      },
      [&](uint64_t id) {
        found.push_back(id);
        return nullptr;  // it is gone meanwhile
      });
  notice.OnTick(/*up=*/false);
  clock_.Step(kServiceNoticeDelay);
  notice.OnTick(/*up=*/false);
  for (size_t told = kNoticesPerTurnMax; told < 3 * kNoticesPerTurnMax;
       told += kNoticesPerTurnMax) {
    EXPECT_EQ(found.size(), told) << "a turn has its bound";
    loop_.restart();
    loop_.poll_one();
  }
  // It is back meanwhile: all are told anew.
  found.clear();
  notice.OnTick(/*up=*/true);
  clock_.Step(kServiceNoticeDelay);
  notice.OnTick(/*up=*/true);
  Turn();
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  EXPECT_EQ(found.size(), kSessions / kPingBuckets * static_cast<size_t>(kPingBuckets));
}

}  // namespace
}  // namespace edge
