// Finds JSON in which one object has a name twice. Our parser keeps the last of the two in silence,
// another may keep the first: one would obey what the other has not checked.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace channel {

// `json` is valid, and was parsed to `value`.
bool HasNameTwice(const boost::json::value& value, std::string_view json);

}  // namespace channel
