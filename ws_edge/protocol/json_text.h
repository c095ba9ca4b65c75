// JSON as text: the value of one member exactly as it was written, without the insignificant white
// space.
//
// Boost.JSON validates and parses; but it writes numbers in its own way (1.5 becomes 1.5E0), and a
// message that a client sent as 1.5 is to arrive as 1.5.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace edge {

// Returns the text of the member `name` of `json`, a valid JSON object; the name may be written
// with escapes. Empty if the object has no such member.
std::string_view FindMember(std::string_view json, std::string_view name);

// Returns the first name that stands twice in one object of `json`, which is valid, without
// escapes; nothing if no name does. It is slow, and meant for the text of a refusal.
std::optional<std::string> FindNameTwice(std::string_view json);

// Returns `json`, which is valid, without white space outside of strings.
std::string CompactJson(std::string_view json);

}  // namespace edge
