#include "tests/bench/load/grpc_subscriber.h"

#include <utility>

#include "channel/v1/channel.pb.h"

namespace channel::bench {
namespace {

// Finds fields without building objects, so that a client with many subscriptions costs less than
// the service that it measures. Reads bytes of the protobuf wire format
// (https://protobuf.dev/programming-guides/encoding). `valid()` turns false on anything malformed.
class FieldScan {
 public:
  explicit FieldScan(std::string_view bytes) : rest_(bytes) {}

  // Goes to the next field; false at the end.
  bool Next() {
    if (rest_.empty() || !valid_) return false;
    const uint64_t tag = Varint();
    number_ = static_cast<uint32_t>(tag >> 3);
    value_ = {};
    switch (tag & 7) {
      case 0:
        Varint();
        break;
      case 2:
        Take(Varint());
        break;
      default:  // a SubscribeResponse has no others
        valid_ = false;
    }
    return valid_;
  }

  uint32_t number() const { return number_; }
  std::string_view value() const { return value_; }  // of a length-delimited field
  bool valid() const { return valid_; }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    valid_ = false;
    return 0;
  }

  void Take(uint64_t bytes) {
    if (bytes > rest_.size()) {
      valid_ = false;
      return;
    }
    value_ = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }

  std::string_view rest_;
  std::string_view value_;
  uint32_t number_ = 0;
  bool valid_ = true;
};

}  // namespace

GrpcSubscriber::GrpcSubscriber(const std::string& address, std::vector<std::string> groups,
                               CallQueue& queue, OnMessage on_message)
    : groups_(std::move(groups)), on_message_(std::move(on_message)), stub_(ConnectAlone(address)) {
  call_ = stub_.PrepareCall(&context_, "/channel.v1.ChannelService/Subscribe", queue.get());
  call_->StartCall(Tag(kStarted));
  while (subscribed_ < groups_.size()) queue.MustStep("subscriptions");
}

void GrpcSubscriber::On(Step step, bool ok) {
  if (!ok) Die("a subscriber's stream ended");
  if (step == kStarted) {
    v1::SubscribeRequest request;
    for (const std::string& group : groups_) request.add_subscribe()->set_group_id(group);
    const grpc::Slice slice(request.SerializeAsString());
    call_->Write(grpc::ByteBuffer(&slice, 1), Tag(kWritten));
    return;
  }
  if (step == kRead) Take();
  call_->Read(&incoming_, Tag(kRead));
}

void GrpcSubscriber::Take() {
  const int64_t now = Now();
  grpc::Slice slice;
  if (!incoming_.TrySingleSlice(&slice).ok() && !incoming_.DumpToSingleSlice(&slice).ok()) {
    Die("out of memory");
  }
  FieldScan events({reinterpret_cast<const char*>(slice.begin()), slice.size()});
  while (events.Next()) {
    FieldScan event(events.value());
    if (!event.Next()) Die("an event without content");
    if (event.number() == v1::Event::kSubscribedFieldNumber) {
      ++subscribed_;
    } else if (event.number() == v1::Event::kPublicationFieldNumber) {
      OnPublication(event.value(), now);
    } else {
      Die("a gap in the subscription");
    }
  }
  if (!events.valid()) Die("a malformed batch");
}

void GrpcSubscriber::OnPublication(std::string_view publication, int64_t now) {
  std::string_view group;
  FieldScan field(publication);
  while (field.Next()) {  // fields come in the order of their numbers
    if (field.number() == v1::Publication::kGroupIdFieldNumber) group = field.value();
    if (field.number() == v1::Publication::kMessageFieldNumber) {
      return on_message_(group, field.value(), now);
    }
  }
  on_message_(group, {}, now);
}

}  // namespace channel::bench
