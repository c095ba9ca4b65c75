#include "channel_service/engine/jetstream/log_reader.h"

#include <utility>

#include "channel_service/engine/jetstream/identity_check.h"
#include "channel_service/engine/jetstream/log_read.h"
#include "channel_service/engine/jetstream/subject.h"

namespace channel {

LogReader::LogReader(NatsRequests& requests, const Clock& clock, std::string stream, LogStream log,
                     std::function<void()> on_other_stream)
    : api_(requests, clock, stream, log, std::move(on_other_stream)),
      context_{.api = api_, .clock = clock, .stream = std::move(stream), .log = std::move(log)} {}

void LogReader::StartHead(std::string_view group_id, HeadQuery::Done done) {
  HeadQuery::Start(context_, LogSubject(context_.stream, group_id), PatienceEnd(), std::move(done));
}

void LogReader::StartRead(const ReadRequest& request, std::optional<LogHead> head,
                          Engine::ReadDone done) {
  LogRead::Start(context_, request, head, PatienceEnd(), std::move(done));
}

void LogReader::StartGet(uint64_t offset, SteadyTime until, MessageQuery::Done done) {
  MessageQuery::Start(context_, offset, until, std::move(done));
}

void LogReader::CheckIdentity() { IdentityCheck::Start(context_, PatienceEnd()); }

void LogReader::OnTick() {
  for (auto& step : std::exchange(context_.retries, {})) step();
}

void LogReader::Stop() {
  context_.stopped = true;
  OnTick();
}

}  // namespace channel
