#include "channel_service/wire/record.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstring>
#include <new>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/check.h"

namespace channel {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t Tag(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}
constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

// Field numbers below 16 take one byte for their tag; all that are used here are.
size_t BytesFieldSize(size_t bytes) {
  return 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(bytes)) + bytes;
}
size_t VarintFieldSize(uint64_t value) { return 1 + CodedOutputStream::VarintSize64(value); }

uint8_t* WriteLength(int field, size_t bytes, uint8_t* at) {
  at = CodedOutputStream::WriteTagToArray(Tag(field, kBytes), at);
  return CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes), at);
}
uint8_t* WriteBytes(int field, std::string_view bytes, uint8_t* at) {
  at = WriteLength(field, bytes.size(), at);
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}
uint8_t* WriteVarint(int field, uint64_t value, uint8_t* at) {
  at = CodedOutputStream::WriteTagToArray(Tag(field, kVarint), at);
  return CodedOutputStream::WriteVarint64ToArray(value, at);
}

// The field of a body, in a message of the contract that has one for text and one for bytes.
template <typename Message>
int BodyField(BodyKind kind) {
  return kind == BodyKind::kData ? Message::kDataFieldNumber : Message::kMessageFieldNumber;
}

// Grows `out` and returns where the new bytes begin.
uint8_t* Grow(std::string* out, size_t bytes) {
  const size_t old_size = out->size();
  out->resize(old_size + bytes);
  return reinterpret_cast<uint8_t*>(out->data()) + old_size;
}

void AppendMessage(int field, const google::protobuf::MessageLite& message, std::string* out) {
  const size_t size = message.ByteSizeLong();
  uint8_t* at = WriteLength(field, size, Grow(out, BytesFieldSize(size)));
  message.SerializeWithCachedSizesToArray(at);
}

// The content of a publication (record.h), which is written field by field.
struct Content {
  const PublishInput& input;
  uint64_t time;

  bool json() const { return input.kind == BodyKind::kJson; }
  size_t Size() const {
    return BytesFieldSize(input.group_id.size()) + BytesFieldSize(input.body.size()) +
           VarintFieldSize(time) + (input.key.empty() ? 0 : BytesFieldSize(input.key.size())) +
           (json() ? VarintFieldSize(1) : 0);
  }
  uint8_t* Write(uint8_t* at) const {
    using P = v1::Publication;
    at = WriteBytes(P::kGroupIdFieldNumber, input.group_id, at);
    at = WriteBytes(BodyField<P>(input.kind), input.body, at);
    at = WriteVarint(P::kTimeUnixMsFieldNumber, time, at);
    if (!input.key.empty()) at = WriteBytes(P::kKeyFieldNumber, input.key, at);
    if (json()) at = WriteVarint(P::kJsonFieldNumber, 1, at);
    return at;
  }
};

}  // namespace

struct RecordMaker {
  // `write` writes `content_size` bytes of fields to the address it is given.
  template <typename Write>
  static RecordPtr Make(size_t content_size, Write write, uint64_t offset, uint64_t previous_offset,
                        SteadyTime now) {
    using P = v1::Publication;
    const size_t publication_size =
        VarintFieldSize(offset) + VarintFieldSize(previous_offset) + content_size;
    const size_t event_size = BytesFieldSize(publication_size);
    const size_t size = BytesFieldSize(event_size);
    void* const memory = ::operator new(sizeof(Record) + size);
    RecordPtr record(new (memory) Record(offset, previous_offset, now, size));
    uint8_t* at = static_cast<uint8_t*>(memory) + sizeof(Record);
    at = WriteLength(v1::SubscribeResponse::kEventsFieldNumber, event_size, at);
    at = WriteLength(v1::Event::kPublicationFieldNumber, publication_size, at);
    at = WriteVarint(P::kOffsetFieldNumber, offset, at);
    at = WriteVarint(P::kPreviousOffsetFieldNumber, previous_offset, at);
    write(at);
    return record;
  }
};

RecordPtr MakeRecord(const PublishInput& input, uint64_t offset, uint64_t previous_offset,
                     int64_t time_unix_ms, SteadyTime now) {
  const Content content{input, static_cast<uint64_t>(time_unix_ms)};
  const auto write = [&](uint8_t* at) { content.Write(at); };
  return RecordMaker::Make(content.Size(), write, offset, previous_offset, now);
}

RecordPtr MakeRecord(std::string_view content, uint64_t offset, uint64_t previous_offset,
                     SteadyTime now) {
  const auto write = [&](uint8_t* at) { std::memcpy(at, content.data(), content.size()); };
  return RecordMaker::Make(content.size(), write, offset, previous_offset, now);
}

std::string SerializeContent(const PublishInput& input, int64_t time_unix_ms) {
  const Content content{input, static_cast<uint64_t>(time_unix_ms)};
  std::string bytes;
  content.Write(Grow(&bytes, content.Size()));
  return bytes;
}

bool IsContentOf(std::string_view group_id, std::string_view content) {
  v1::Publication publication;
  return publication.ParseFromArray(content.data(), static_cast<int>(content.size())) &&
         publication.body_case() != v1::Publication::BODY_NOT_SET &&
         publication.group_id() == group_id && publication.offset() == 0 &&
         publication.previous_offset() == 0;
}

bool HaveSameBody(std::string_view content, std::string_view other) {
  v1::Publication a;
  v1::Publication b;
  return a.ParseFromArray(content.data(), static_cast<int>(content.size())) &&
         b.ParseFromArray(other.data(), static_cast<int>(other.size())) &&
         a.body_case() == b.body_case() && a.message() == b.message() && a.data() == b.data() &&
         a.json() == b.json();
}

void intrusive_ptr_release(const Record* record) {
  if (--record->references_ > 0) return;
  record->~Record();
  ::operator delete(const_cast<Record*>(record));
}

v1::Publication ParseRecord(const Record& record) {
  v1::SubscribeResponse response;
  const auto size = static_cast<int>(record.bytes().size());
  CHANNEL_CHECK(response.ParseFromArray(record.bytes().data(), size) &&
                response.events_size() == 1);
  return std::move(*response.mutable_events(0)->mutable_publication());
}

void AppendPublication(const Record& record, int field, std::string* out) {
  const std::string_view bytes = record.bytes();
  // An event in a response, a publication in the event: each begins with a tag and a length.
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  uint32_t size = 0;
  for (int depth = 0; depth < 2; ++depth) {
    CHANNEL_CHECK(in.ReadTag() != 0 && in.ReadVarint32(&size));
  }
  const std::string_view publication = bytes.substr(static_cast<size_t>(in.CurrentPosition()));
  CHANNEL_CHECK(publication.size() == size);
  WriteBytes(field, publication, Grow(out, BytesFieldSize(size)));
}

void AppendEvent(const v1::Event& event, std::string* out) {
  AppendMessage(v1::SubscribeResponse::kEventsFieldNumber, event, out);
}

void AppendPublished(std::string_view epoch, uint64_t offset, bool duplicate, uint64_t sequence,
                     std::string* out) {
  const size_t position_size = BytesFieldSize(epoch.size()) + VarintFieldSize(offset);
  const size_t published_size =
      BytesFieldSize(position_size) + (duplicate ? VarintFieldSize(1) : 0);
  const size_t result_size =
      BytesFieldSize(published_size) + (sequence == 0 ? 0 : VarintFieldSize(sequence));
  uint8_t* at = Grow(out, BytesFieldSize(result_size));
  at = WriteLength(v1::PublishStreamResponse::kResultsFieldNumber, result_size, at);
  at = WriteLength(v1::PublishResult::kPublishedFieldNumber, published_size, at);
  at = WriteLength(v1::PublishResponse::kPositionFieldNumber, position_size, at);
  at = WriteBytes(v1::StreamPosition::kEpochFieldNumber, epoch, at);
  at = WriteVarint(v1::StreamPosition::kOffsetFieldNumber, offset, at);
  if (duplicate) at = WriteVarint(v1::PublishResponse::kDuplicateFieldNumber, 1, at);
  if (sequence != 0) WriteVarint(v1::PublishResult::kSequenceFieldNumber, sequence, at);
}

void AppendResult(const v1::PublishResult& result, std::string* out) {
  AppendMessage(v1::PublishStreamResponse::kResultsFieldNumber, result, out);
}

void AppendPublishRequest(const PublishInput& input, std::string* out) {
  using P = v1::PublishRequest;
  const int body_field = BodyField<P>(input.kind);
  const bool json = input.kind == BodyKind::kJson;
  const size_t size = BytesFieldSize(input.group_id.size()) + BytesFieldSize(input.body.size()) +
                      (input.key.empty() ? 0 : BytesFieldSize(input.key.size())) +
                      (input.sequence == 0 ? 0 : VarintFieldSize(input.sequence)) +
                      (json ? VarintFieldSize(1) : 0);
  uint8_t* at = Grow(out, BytesFieldSize(size));
  at = WriteLength(v1::PublishStreamRequest::kPublicationsFieldNumber, size, at);
  at = WriteBytes(P::kGroupIdFieldNumber, input.group_id, at);
  at = WriteBytes(body_field, input.body, at);
  if (!input.key.empty()) at = WriteBytes(P::kKeyFieldNumber, input.key, at);
  if (input.sequence != 0) at = WriteVarint(P::kSequenceFieldNumber, input.sequence, at);
  if (json) WriteVarint(P::kJsonFieldNumber, 1, at);
}

}  // namespace channel
