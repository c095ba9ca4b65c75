#include "channel_service/base/json_names.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace channel {
namespace {

namespace json = boost::json;

// The number of members of all objects in `text`, as they are written.
size_t CountMembers(std::string_view text) {
  size_t count = 0;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string && c == '\\') {
      ++at;
    } else if (!in_string && c == ':') {
      ++count;
    }
  }
  return count;
}

size_t CountMembers(const json::value& value) {
  size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += CountMembers(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) count += CountMembers(element);
  }
  return count;
}

}  // namespace

bool HasNameTwice(const json::value& value, std::string_view json) {
  return CountMembers(value) != CountMembers(json);
}

}  // namespace channel
