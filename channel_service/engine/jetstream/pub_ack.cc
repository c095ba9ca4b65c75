#include "channel_service/engine/jetstream/pub_ack.h"

#include <boost/json.hpp>
#include <string_view>

namespace channel {

PubAck ParsePubAck(const NatsMessage& answer) {
  PubAck parsed;
  boost::json::error_code error;
  const std::string_view data = answer.data();
  const boost::json::value value = boost::json::parse({data.data(), data.size()}, error);
  const boost::json::object* const object = value.if_object();
  if (object == nullptr) {
    parsed.error = answer.status == 503 ? "no leader" : "an answer that is not JSON";
    return parsed;
  }
  if (const boost::json::value* const failure = object->if_contains("error")) {
    parsed.error = boost::json::serialize(*failure);
    return parsed;
  }
  const boost::json::value* const offset = object->if_contains("seq");
  if (offset != nullptr && offset->is_number()) parsed.offset = offset->to_number<uint64_t>(error);
  const boost::json::value* const duplicate = object->if_contains("duplicate");
  parsed.duplicate = duplicate != nullptr && duplicate->is_bool() && duplicate->get_bool();
  parsed.stored = parsed.offset != 0;  // 0: the first one is on its way still
  if (!parsed.stored) parsed.error = "no offset";
  return parsed;
}

}  // namespace channel
