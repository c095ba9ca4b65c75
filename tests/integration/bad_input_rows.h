#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace bad_input {

// Bytes that a client sends as HTTP, and the status that comes back (one of those, 0 = closed
// without one).
struct HttpRow {
  std::string name;  // for people, and letters only: it becomes the test's name
  std::string bytes;
  std::vector<int> statuses;
  std::vector<std::string> answer_has;  // each in the body or in a header line ("name: value")
};

// GoogleTest prints rows with this; the bytes may be long and unprintable.
inline void PrintTo(const HttpRow& row, std::ostream* out) { *out << row.name; }

// The limit as the deployment of this test has it.
inline constexpr std::size_t kHttpHeaderBytesMax = 8'192;

std::vector<HttpRow> HttpRows();

}  // namespace bad_input
