// The one place where Debian's absl::string_view, a class of its own in that build of Abseil, and
// std::string_view meet.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace channel {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// The message of a status, valid as long as the status.
inline std::string_view MessageOf(const absl::Status& status) { return ToStd(status.message()); }

// Lets flat_hash_map<std::string, …> be searched with a std::string_view without making a string.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
struct StringEq {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

}  // namespace channel
