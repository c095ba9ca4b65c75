// Records: publications and other events, serialised once and then only copied.
//
// A record is one length-delimited `events` field of channel.v1.SubscribeResponse, so that the
// concatenation of records is a valid SubscribeResponse.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "channel_service/model/publication.h"

namespace channel::v1 {
class Event;
class Publication;
class PublishResult;
}  // namespace channel::v1

namespace channel {

// One publication with its position. Immutable; shared by the history and by subscriptions.
struct Record {
  uint64_t offset = 0;
  uint64_t previous_offset = 0;  // of the group; 0 = none is known
  int64_t time_unix_ms = 0;
  std::string bytes;
};
using RecordPtr = std::shared_ptr<const Record>;

// Serialises a publication by hand (protobuf's wire format, without building a message first).
RecordPtr MakeRecord(const PublishInput& input, uint64_t offset, uint64_t previous_offset,
                     int64_t time_unix_ms);

// The publication in a record's bytes, for what is asked seldom (History).
v1::Publication ParseRecord(const Record& record);

// Appends any other event as a record.
void AppendEvent(const v1::Event& event, std::string* out);

// Appends one `results` field of channel.v1.PublishStreamResponse: a publication that was accepted
// …
void AppendPublished(std::string_view epoch, uint64_t offset, bool duplicate, std::string* out);
// … or any result.
void AppendResult(const v1::PublishResult& result, std::string* out);

// Appends one length-delimited `publications` field of channel.v1.PublishStreamRequest.
void AppendPublishRequest(const PublishInput& input, std::string* out);

}  // namespace channel
