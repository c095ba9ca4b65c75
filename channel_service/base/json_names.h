// JSON in which one object has a name twice. A parser keeps the last of the two and tells nothing;
// others may keep the first: what one of them checked would not be what another obeys.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace channel {

// `value` is what `json`, which is valid, was parsed to.
bool HasNameTwice(const boost::json::value& value, std::string_view json);

}  // namespace channel
