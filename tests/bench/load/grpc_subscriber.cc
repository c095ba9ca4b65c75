#include "tests/bench/load/grpc_subscriber.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "channel/v1/channel.pb.h"
#include "tests/bench/load/event_scan.h"

namespace channel::bench {
namespace {

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "subscriber: %s\n", why);
  std::exit(1);
}

}  // namespace

std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

GrpcSubscriber::GrpcSubscriber(const std::string& address, std::vector<std::string> groups,
                               grpc::CompletionQueue* queue, OnMessage on_message)
    : groups_(std::move(groups)), on_message_(std::move(on_message)), stub_(ConnectAlone(address)) {
  call_ = stub_.PrepareCall(&context_, "/channel.v1.ChannelService/Subscribe", queue);
  call_->StartCall(Tag(kStarted));
}

void GrpcSubscriber::On(Step step, bool ok) {
  if (!ok) Die("the stream ended");
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
      OnPublication(event.value());
    } else {
      Die("a gap in the subscription");
    }
  }
  if (!events.valid()) Die("a malformed batch");
}

void GrpcSubscriber::OnPublication(std::string_view publication) {
  ++received_;
  std::string_view group;
  FieldScan field(publication);
  while (field.Next()) {  // fields come in the order of their numbers
    if (field.number() == v1::Publication::kGroupIdFieldNumber) group = field.value();
    if (field.number() == v1::Publication::kMessageFieldNumber) {
      return on_message_(group, field.value());
    }
  }
  on_message_(group, {});
}

}  // namespace channel::bench
