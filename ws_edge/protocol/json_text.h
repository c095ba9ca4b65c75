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

// The text of the member `name` of `json`, which is a valid JSON object; its name may be written
// with escapes. Empty if there is none.
std::string_view FindMember(std::string_view json, std::string_view name);

// The first name that stands twice in one object of `json`, which is valid, without escapes.
// Nothing if there is none. For the words of a refusal: slow.
std::optional<std::string> FindNameTwice(std::string_view json);

// `json`, which is valid, without white space outside of strings.
std::string CompactJson(std::string_view json);

}  // namespace edge
