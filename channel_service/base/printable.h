// Text of peers on its way into a log line or an answer.
#pragma once

#include <string>
#include <string_view>

namespace channel {

// Returns the first `bytes_max` bytes of `text` with all that could break a line or command a
// terminal made visible: control characters and bytes that are no UTF-8 become "\x1b" and the like,
// a newline "\n". "..." stands for the rest.
std::string Printable(std::string_view text, size_t bytes_max);

}  // namespace channel
