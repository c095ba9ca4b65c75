#include "tests/support/event_fields.h"

namespace support {

namespace json = boost::json;

std::string_view TextOf(const json::object& event, std::string_view name) {
  const json::value* value = event.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::uint64_t NumberOf(const json::object& event, std::string_view name) {
  const json::value* value = event.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code ignored;
  return value->to_number<std::uint64_t>(ignored);
}

bool IsTrue(const json::object& event, std::string_view name) {
  const json::value* value = event.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<std::pair<Milliseconds, Milliseconds>> WindowOf(const json::object& event) {
  const json::value* value = event.if_contains("reconnect_ms");
  if (value == nullptr || !value->is_array() || value->get_array().size() != 2) return {};
  const json::array& window = value->get_array();
  if (!window[0].is_int64() || !window[1].is_int64()) return {};
  return std::pair(Milliseconds(window[0].get_int64()), Milliseconds(window[1].get_int64()));
}

}  // namespace support
