#include "channel_service/hub/hub_event.h"

#include "channel/v1/channel.pb.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

v1::GapReason ToProto(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return v1::GAP_REASON_RETENTION;
    case GapReason::kEpoch:
      return v1::GAP_REASON_EPOCH;
    case GapReason::kPosition:
      return v1::GAP_REASON_POSITION;
  }
  return v1::GAP_REASON_UNSPECIFIED;
}

}  // namespace

void AppendSubscribed(std::string_view group_id, std::string_view epoch, uint64_t tag,
                      const ReadResult& read, std::string* out) {
  v1::Event event;
  v1::Subscribed* const subscribed = event.mutable_subscribed();
  subscribed->set_group_id(std::string(group_id));
  subscribed->set_epoch(std::string(epoch));
  subscribed->set_offset(read.head);
  subscribed->set_recovered(!read.gap.has_value());
  subscribed->set_tag(tag);
  subscribed->set_newest(read.newest);
  subscribed->set_missed(static_cast<uint32_t>(read.records.size()));
  AppendEvent(event, out);
}

void AppendGap(std::string_view group_id, std::string_view epoch, const GapInfo& gap,
               std::string* out) {
  v1::Event event;
  v1::Gap* const proto = event.mutable_gap();
  proto->set_group_id(std::string(group_id));
  proto->set_epoch(std::string(epoch));
  proto->set_after(gap.after);
  proto->set_before(gap.before);
  proto->set_reason(ToProto(gap.reason));
  AppendEvent(event, out);
}

}  // namespace channel
