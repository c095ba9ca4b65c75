#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace bad_input {

// Bytes that a client sends after the upgrade, in either dialect, and the answer. Exactly one of:
// - `error_code` is set: one error with this code; the connection stays and works;
// - `close_codes` is not empty: a close frame with one of these codes, then the end of the
//   connection;
// - neither: nothing comes back, the connection stays and works.
struct FrameRow {
  std::string name;   // for people, and letters only: it becomes the test's name
  std::string bytes;  // as they go over the wire
  std::string error_code;
  std::vector<int> close_codes;
  std::string reason_has;  // of the close frame
};

// Bytes that a client sends as HTTP, and the status that comes back (one of those, 0 = closed
// without one).
struct HttpRow {
  std::string name;
  std::string bytes;
  std::vector<int> statuses;
  std::vector<std::string> answer_has;  // each in the body or in a header line ("name: value")
};

// GoogleTest prints rows with these; the bytes may be long and unprintable.
inline void PrintTo(const FrameRow& row, std::ostream* out) { *out << row.name; }
inline void PrintTo(const HttpRow& row, std::ostream* out) { *out << row.name; }

// The limits as the deployment of this test has them.
inline constexpr std::size_t kMessageBytesMax = 65'536;
inline constexpr int kGroupsPerConnectionMax = 128;
inline constexpr std::size_t kHttpHeaderBytesMax = 8'192;

std::vector<FrameRow> FrameRows();
std::vector<HttpRow> HttpRows();

}  // namespace bad_input
