#include "channel_service/handlers/convert.h"

#include <algorithm>

#include "channel_service/limits.h"

namespace channel {

PublishInput ToPublishInput(const v1::PublishRequest& request, std::string_view publisher,
                            PeerAddress peer) {
  PublishInput input;
  input.group_id = request.group_id();
  input.kind = !request.has_message() ? BodyKind::kData
               : request.json()       ? BodyKind::kJson
                                      : BodyKind::kText;
  input.body = request.has_message() ? request.message() : request.data();
  input.key = request.key();
  input.publisher = publisher;
  input.sequence = request.sequence();
  input.owner = static_cast<uint64_t>(peer);
  return input;
}

std::optional<StreamPosition> ToPosition(const v1::StreamPosition& position) {
  if (position.epoch().empty()) return std::nullopt;
  return StreamPosition{position.epoch(), position.offset()};
}

SubscribeInput ToSubscribeInput(const v1::Subscription& subscription) {
  return {.group_id = subscription.group_id(),
          .since = ToPosition(subscription.since()),
          .last = subscription.last(),
          .tag = subscription.tag()};
}

ReadRequest ToReadRequest(const v1::HistoryRequest& request) {
  ReadRequest read{.group_id = request.group_id(), .since = ToPosition(request.since())};
  const uint32_t wanted = request.limit() == 0 ? kHistoryCountDefault : request.limit();
  read.count_max = std::min(wanted, kHistoryCountMax);
  read.last = request.last();
  if (request.last() != 0 && request.limit() == 0) read.count_max = read.last;
  read.bytes_max = kHistoryReplyBytesMax;
  return read;
}

}  // namespace channel
