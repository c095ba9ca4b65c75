// A log of group "g" on servers that answer JetStream's questions as a test says, and a reader of
// it.
#pragma once

#include <gtest/gtest.h>
#include <nats/nats.h>

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/wire/record.h"
#include "tests/contract/engine_driver.h"
#include "tests/support/fake_clock.h"
#include "tests/support/nats_server.h"

namespace channel {

namespace json = boost::json;

// The log as one server has it: publications of group "g", and others beside them.
struct Server {
  std::vector<uint64_t> held;  // offsets; the body is the offset in words
  uint64_t last;               // of any group
};

// Answers JetStream's questions in the name of two servers, from a thread of libnats.
class TwoServers {
 public:
  TwoServers(const std::string& url, Server behind, Server current)
      : behind_(std::move(behind)), current_(std::move(current)) {
    natsOptions* options = nullptr;
    EXPECT_EQ(natsOptions_Create(&options), NATS_OK);
    natsOptions_SetURL(options, url.c_str());
    natsOptions_SetSendAsap(options, true);  // or each answer waits a millisecond
    EXPECT_EQ(natsConnection_Connect(&connection_, options), NATS_OK);
    natsOptions_Destroy(options);
    EXPECT_EQ(natsConnection_Subscribe(&subscription_, connection_, "$JS.API.>", OnQuestion, this),
              NATS_OK);
    EXPECT_EQ(natsConnection_FlushTimeout(connection_, 5'000), NATS_OK);
  }
  ~TwoServers() {
    natsSubscription_Destroy(subscription_);
    natsConnection_Destroy(connection_);
  }
  TwoServers(const TwoServers&) = delete;
  TwoServers& operator=(const TwoServers&) = delete;

  // Questions to the leader, and to any replica, whose bit is set are answered by the server that
  // is behind; the first one has bit 0. Not so that for the oldest publication: its answer does not
  // tell how much the server knows.
  void Script(unsigned leader, unsigned replicas) {
    const std::lock_guard lock(mutex_);
    leader_ = leader;
    replicas_ = replicas;
  }

 private:
  static void OnQuestion(natsConnection* connection, natsSubscription*, natsMsg* question,
                         void* self) {
    natsMsg* const answer = static_cast<TwoServers*>(self)->Answer(
        natsMsg_GetSubject(question), natsMsg_GetReply(question),
        {natsMsg_GetData(question), static_cast<size_t>(natsMsg_GetDataLength(question))});
    EXPECT_EQ(natsConnection_PublishMsg(connection, answer), NATS_OK);
    natsMsg_Destroy(answer);
    natsMsg_Destroy(question);
  }

  natsMsg* Answer(const std::string& subject, const char* reply, std::string_view data) {
    const std::lock_guard lock(mutex_);
    const json::value question =
        data.empty() ? json::object() : json::parse(json::string_view(data.data(), data.size()));
    if (subject == "$JS.API.DIRECT.GET.LOG") {
      const Server& server = (replicas_ & 1) != 0 ? behind_ : current_;
      replicas_ >>= 1;
      return Direct(Find(server, question), reply);
    }
    if (IsForOldest(question)) return Plain(Got(Find(current_, question)), reply);
    const Server& server = (leader_ & 1) != 0 ? behind_ : current_;
    leader_ >>= 1;
    if (subject == "$JS.API.STREAM.INFO.LOG") return Plain(Info(server), reply);
    EXPECT_EQ(subject, "$JS.API.STREAM.MSG.GET.LOG");
    return Plain(Got(Find(server, question)), reply);
  }

  static bool IsForOldest(const json::value& question) {
    return question.as_object().contains("next_by_subj");
  }

  // 0: there is none.
  static uint64_t Find(const Server& server, const json::value& question) {
    if (question.as_object().contains("last_by_subj")) {
      return server.held.empty() ? 0 : server.held.back();
    }
    const auto from = question.at("seq").to_number<uint64_t>();
    const auto next = std::lower_bound(server.held.begin(), server.held.end(), from);
    return next == server.held.end() ? 0 : *next;
  }

  static std::string Content(uint64_t offset) {
    const std::string body = std::to_string(offset);
    PublishInput input;
    input.group_id = "g";
    input.body = body;
    return SerializeContent(input, 1'700'000'000'000);
  }

  static json::value Info(const Server& server) {
    const auto first = server.held.empty() ? server.last + 1 : server.held.front();
    return {{"config", {{"description", "The log of the channel service, epoch one"}}},
            {"state",
             {{"first_seq", first},
              {"last_seq", server.last},
              {"subjects", {{LogSubject("LOG", "g"), server.held.size()}}}}}};
  }

  static json::value Got(uint64_t offset) {
    if (offset == 0) return {{"error", {{"code", 404}, {"err_code", 10037}}}};
    return {{"message", {{"seq", offset}, {"data", absl::Base64Escape(Content(offset))}}}};
  }

  static natsMsg* Plain(const json::value& value, const char* reply) {
    return Message(reply, json::serialize(value));
  }

  static natsMsg* Direct(uint64_t offset, const char* reply) {
    natsMsg* const answer = Message(reply, offset == 0 ? "" : Content(offset));
    if (offset == 0) {
      natsMsgHeader_Set(answer, "Status", "404");
    } else {
      natsMsgHeader_Set(answer, "Nats-Sequence", std::to_string(offset).c_str());
    }
    return answer;
  }

  static natsMsg* Message(const char* subject, const std::string& data) {
    natsMsg* message = nullptr;
    EXPECT_EQ(
        natsMsg_Create(&message, subject, nullptr, data.data(), static_cast<int>(data.size())),
        NATS_OK);
    return message;
  }

  const Server behind_;
  const Server current_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  std::mutex mutex_;
  unsigned leader_ = 0;    // guarded by mutex_
  unsigned replicas_ = 0;  // guarded by mutex_
};

class LogFixture : public ::testing::Test {
 protected:
  LogFixture()
      : nats_(support::NatsServer::WithoutJetStream()),
        connection_({.servers = {nats_->url()}}, "test") {
    EXPECT_TRUE(connection_.Connect(support::kPatience).ok());
    requests_ = std::make_unique<NatsRequests>(connection_, clock_, "_INBOX.test");
    reader_ = std::make_unique<LogReader>(*requests_, clock_, "LOG", LogStream{"one", 100},
                                          [this] { ++other_streams_; });
    connection_.Start([this] { loop_.Post([this] { TakeAnswers(); }); });
  }
  ~LogFixture() override {
    connection_.Stop();
    EXPECT_EQ(other_streams_, 0);
  }

  void TakeAnswers() {
    for (const NatsMessage& message : connection_.TakeArrived().messages)
      requests_->OnMessage(message);
  }

  std::string url() const { return nats_->url(); }

  // A question is repeated with the next tick; time passes only while no answer is awaited.
  void Await(const std::function<bool()>& happened) {
    for (int i = 0; i < 1'000 && !happened(); ++i) {
      if (!loop_.RunUntil([&] { return happened() || requests_->size() == 0; })) break;
      clock_.Step(NatsConnection::kTick);
      // Others publish, too.
      if (i == kTicksUntilStored) reader_->OnStored(clock_.Now(), kStoredMeanwhile);
      reader_->OnTick();
    }
    ASSERT_TRUE(happened());
  }

  ReadResult ReadSince(uint64_t since, uint64_t head) {
    reader_->Saw(head);
    std::optional<ReadResult> read;
    reader_->StartRead({.group_id = "g", .since = StreamPosition{"one", since}},
                       LogHead{.held = true, .offset = head},
                       [&](ReadResult result) { read = std::move(result); });
    Await([&] { return read.has_value(); });
    return std::move(read).value_or(ReadResult());
  }

  ReadResult ReadLast(uint32_t last) {
    std::optional<ReadResult> read;
    reader_->StartRead({.group_id = "g", .last = last}, std::nullopt,
                       [&](ReadResult result) { read = std::move(result); });
    Await([&] { return read.has_value(); });
    return std::move(read).value_or(ReadResult());
  }

  LogHead AskHead() {
    std::optional<LogHead> head;
    reader_->StartHead("g", [&](std::optional<LogHead> found) {
      ASSERT_TRUE(found.has_value());
      head = found;
    });
    Await([&] { return head.has_value(); });
    return head.value_or(LogHead());
  }

  SteadyTime now() const { return clock_.Now(); }

  MessageQuery::Result Get(uint64_t offset, SteadyTime until) {
    std::optional<MessageQuery::Result> result;
    reader_->StartGet(offset, until, [&](MessageQuery::Result got) { result = std::move(got); });
    Await([&] { return result.has_value(); });
    return std::move(result).value_or(MessageQuery::Result());
  }

  LogReader& reader() { return *reader_; }
  const Clock& clock() const { return clock_; }

 private:
  static constexpr int kTicksUntilStored = 20;
  static constexpr uint64_t kStoredMeanwhile = 14;  // what is stored next

  test::FakeClock clock_;
  test::TaskLoop loop_;
  std::unique_ptr<support::NatsServer> nats_;
  NatsConnection connection_;
  std::unique_ptr<NatsRequests> requests_;
  std::unique_ptr<LogReader> reader_;
  int other_streams_ = 0;
};

}  // namespace channel
