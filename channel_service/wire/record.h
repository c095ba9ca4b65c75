// Records: publications and other events, serialised once and then only copied.
//
// A record is one length-delimited `events` field of channel.v1.SubscribeResponse, so that the
// concatenation of records is a valid SubscribeResponse.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "channel_service/base/clock.h"
#include "channel_service/model/publication.h"

namespace channel::v1 {
class Event;
class Publication;
class PublishResult;
}  // namespace channel::v1

namespace channel {

class Record;
using RecordPtr = boost::intrusive_ptr<const Record>;

// One publication with its position. Immutable, one block of memory; shared by the history and by
// subscriptions. The reference count is not atomic: a record lives on one thread.
class Record {
 public:
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  const uint64_t offset;
  const uint64_t previous_offset;  // of the group; 0 = none is known
  const SteadyTime held_since;     // in this process: its age counts from here
  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size_}; }

 private:
  friend struct RecordMaker;
  friend void intrusive_ptr_add_ref(const Record* record) { ++record->references_; }
  friend void intrusive_ptr_release(const Record* record);

  Record(uint64_t own_offset, uint64_t previous, SteadyTime since, size_t size)
      : offset(own_offset),
        previous_offset(previous),
        held_since(since),
        size_(static_cast<uint32_t>(size)) {}

  const uint32_t size_;
  mutable uint32_t references_ = 0;
};

// Serialises a publication by hand (protobuf's wire format, without building a message first).
// `time_unix_ms` is for people; `now` is what its age counts from.
RecordPtr MakeRecord(const PublishInput& input, uint64_t offset, uint64_t previous_offset,
                     int64_t time_unix_ms, SteadyTime now);

// The content of a publication: all that it has beside its place in the log, serialised. An engine
// keeps it outside of this process.
std::string SerializeContent(const PublishInput& input, int64_t time_unix_ms);
// Makes a record of a content when its place is known.
RecordPtr MakeRecord(std::string_view content, uint64_t offset, uint64_t previous_offset,
                     SteadyTime now);
// True if `content` is a content of this group's.
bool IsContentOf(std::string_view group_id, std::string_view content);
// True if two contents have the same body, whenever they were published.
bool HaveSameBody(std::string_view content, std::string_view other);

// Parses a record's bytes.
v1::Publication ParseRecord(const Record& record);
// Appends the record's publication as a field of another message.
void AppendPublication(const Record& record, int field, std::string* out);

// Appends any other event as a record.
void AppendEvent(const v1::Event& event, std::string* out);

// Appends one `results` field of channel.v1.PublishStreamResponse: for a publication that was
// accepted. `sequence`: 0 = none is told.
void AppendPublished(std::string_view epoch, uint64_t offset, bool duplicate, uint64_t sequence,
                     std::string* out);
// The same for any result.
void AppendResult(const v1::PublishResult& result, std::string* out);

// Appends one length-delimited `publications` field of channel.v1.PublishStreamRequest.
void AppendPublishRequest(const PublishInput& input, std::string* out);

}  // namespace channel
