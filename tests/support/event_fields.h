// Reading the fields of an event that may lack them, or have others than they should.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace support {

using Milliseconds = std::chrono::milliseconds;

// Empty, 0 or false if there is no such field, or of another kind.
std::string_view TextOf(const boost::json::object& event, std::string_view name);
std::uint64_t NumberOf(const boost::json::object& event, std::string_view name);
bool IsTrue(const boost::json::object& event, std::string_view name);

// `reconnect_ms`.
std::optional<std::pair<Milliseconds, Milliseconds>> WindowOf(const boost::json::object& event);

}  // namespace support
