#include "tests/support/nats_client.h"

#include <array>

#include "tests/support/deadline.h"

namespace support {
namespace {

void Require(natsStatus status, const std::string& what) {
  if (status != NATS_OK) throw TestFailure(what + ": " + natsStatus_GetText(status));
}

}  // namespace

NatsClient::NatsClient(const std::string& url) {
  Await("a connection to " + url,
        [&] { return natsConnection_ConnectTo(&connection_, url.c_str()) == NATS_OK; });
  Require(natsConnection_JetStream(&context_, connection_, nullptr), "JetStream");
}

NatsClient::~NatsClient() {
  natsSubscription_Destroy(watch_);
  jsCtx_Destroy(context_);
  natsConnection_Destroy(connection_);
}

void NatsClient::MakeStream(const NatsStream& stream) {
  std::array<const char*, 1> subjects = {stream.subject.c_str()};
  const std::string log = stream.name + ".log.>";
  const std::string live = stream.name + ".live.>";
  jsRePublish republish;
  jsRePublish_Init(&republish);
  republish.Source = log.c_str();
  republish.Destination = live.c_str();
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = stream.name.c_str();
  config.Description = stream.description.c_str();
  config.Subjects = subjects.data();
  config.SubjectsLen = static_cast<int>(subjects.size());
  config.Storage = stream.in_memory ? js_MemoryStorage : js_FileStorage;
  config.MaxMsgsPerSubject = stream.per_subject_max;
  config.MaxAge = stream.age_max_ms * 1'000'000;
  config.AllowDirect = stream.allows_direct;
  if (stream.republishes) config.RePublish = &republish;
  Require(js_AddStream(nullptr, context_, &config, nullptr, nullptr), "making a stream");
}

void NatsClient::RemoveStream(const std::string& name) {
  Require(js_DeleteStream(context_, name.c_str(), nullptr, nullptr), "removing a stream");
}

void NatsClient::PurgeStream(const std::string& name) {
  Require(js_PurgeStream(context_, name.c_str(), nullptr, nullptr), "purging a stream");
}

std::uint64_t NatsClient::Publish(const std::string& subject, std::string_view data,
                                  const std::vector<std::pair<std::string, std::string>>& headers) {
  natsMsg* message = nullptr;
  Require(natsMsg_Create(&message, subject.c_str(), nullptr, data.data(),
                         static_cast<int>(data.size())),
          "a message");
  for (const auto& [name, value] : headers) {
    natsMsgHeader_Set(message, name.c_str(), value.c_str());
  }
  jsPubAck* ack = nullptr;
  const natsStatus status = js_PublishMsg(&ack, context_, message, nullptr, nullptr);
  natsMsg_Destroy(message);
  Require(status, "publishing to " + subject);
  const std::uint64_t sequence = ack->Sequence;
  jsPubAck_Destroy(ack);
  return sequence;
}

std::uint64_t NatsClient::LastSequence(const std::string& stream) {
  jsStreamInfo* const info = Info(stream);
  const std::uint64_t last = info->State.LastSeq;
  jsStreamInfo_Destroy(info);
  return last;
}

bool NatsClient::IsInMemory(const std::string& stream) {
  jsStreamInfo* const info = Info(stream);
  const bool in_memory = info->Config->Storage == js_MemoryStorage;
  jsStreamInfo_Destroy(info);
  return in_memory;
}

void NatsClient::Watch(const std::string& subject) {
  Require(natsConnection_SubscribeSync(&watch_, connection_, subject.c_str()), "watching");
  Require(natsConnection_FlushTimeout(connection_, 1000), "watching");
}

int NatsClient::Watched() const {
  int messages = 0;
  int bytes = 0;
  Require(natsSubscription_GetPending(watch_, &messages, &bytes), "watching");
  return messages;
}

jsStreamInfo* NatsClient::Info(const std::string& stream) {
  jsStreamInfo* info = nullptr;
  Require(js_GetStreamInfo(&info, context_, stream.c_str(), nullptr, nullptr), "stream " + stream);
  return info;
}

}  // namespace support
