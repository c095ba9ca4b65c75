#include "channel_service/engine/jetstream/pub_ack.h"

#include <boost/json.hpp>
#include <string_view>

namespace channel {

PubAck ParsePubAck(const NatsMessage& reply) {
  PubAck ack;
  boost::json::error_code error;
  const std::string_view data = reply.data();
  const boost::json::value value = boost::json::parse({data.data(), data.size()}, error);
  const boost::json::object* const object = value.if_object();
  if (object == nullptr) {
    ack.error = reply.status == 503 ? "no leader" : "a reply that is not JSON";
    return ack;
  }
  if (const boost::json::value* const failure = object->if_contains("error")) {
    ack.error = boost::json::serialize(*failure);
    return ack;
  }
  const boost::json::value* const sequence = object->if_contains("seq");
  if (sequence != nullptr && sequence->is_number()) {
    ack.sequence = sequence->to_number<uint64_t>(error);
  }
  const boost::json::value* const duplicate = object->if_contains("duplicate");
  ack.duplicate = duplicate != nullptr && duplicate->is_bool() && duplicate->get_bool();
  // The stream answers a duplicate of a message that is still on its way with sequence 0.
  if (!ack.stored()) ack.error = "no sequence";
  return ack;
}

}  // namespace channel
