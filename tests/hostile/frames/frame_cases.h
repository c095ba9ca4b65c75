// Bytes that a client sends after the upgrade, and what comes back: one row for each case.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/web_socket_frame.h"

namespace frames {

struct Answer {
  enum class Kind : std::uint8_t {
    kMessage,  // a publication of kGroup with the body `text`
    kError,    // an error with the code `text`
    kPong,     // with the payload `text`
    kClose,    // one of `codes`, `text` is in the reason; then the TCP connection ends
  };
  Kind kind = Kind::kMessage;
  std::string text;
  std::vector<int> codes;
};

// The client is a member of kGroup. Exactly the answers come, in their order; then the connection
// works, unless the last answer is a close.
struct Case {
  std::string name;  // letters and digits: it becomes the test's name
  std::string bytes;
  std::vector<Answer> answers;
};
using Cases = std::vector<Case>;

// GoogleTest prints cases with this; the bytes may be long and unprintable.
inline void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

inline constexpr const char* kGroup = "frames";
// The limits as the deployment of this test has them.
inline constexpr std::size_t kMessageBytesMax = 65'536;
inline constexpr int kGroupsPerConnectionMax = 128;

// RFC 6455, section 7.4.1.
inline constexpr int kNormal = 1000;
inline constexpr int kProtocolError = 1002;
inline constexpr int kUnsupportedData = 1003;
inline constexpr int kInvalidText = 1007;
inline constexpr int kTooBig = 1009;

// A frame of a client; `reserved` are the three reserved bits, 0 … 7.
std::string Raw(int opcode, std::string_view payload, bool fin = true, int reserved = 0);
std::string Raw(support::Opcode opcode, std::string_view payload, bool fin = true,
                int reserved = 0);
// Its parts by hand: the two first bytes, the extended length, the mask's key; a payload is masked.
std::string Bytes(std::initializer_list<int> header, std::string_view key = "",
                  std::string_view payload = "");
std::string Unmasked(support::Opcode opcode, std::string_view payload);
std::string ClosePayload(int code, std::string_view reason = "");

// A send_to_group to kGroup with this body, which stands in the JSON as it is. `bytes`: spaces fill
// the command up to this length.
std::string Send(std::string_view body, std::size_t bytes = 0);
std::string Join(std::string_view group);
// This text as a message of fragments that end at these places.
std::string Fragments(std::string_view text, const std::vector<std::size_t>& ends,
                      std::string_view between = "");

Case Kept(std::string name, std::string bytes);
Case Echo(std::string name, std::string bytes, std::string body);
Case Pongs(std::string name, std::string bytes, const std::vector<std::string>& payloads);
Case Error(std::string name, std::string bytes, std::string code);
Case Closed(std::string name, std::string bytes, std::vector<int> codes,
            std::string reason_has = "");

Cases LengthCases();
Cases HeaderCases();
Cases FragmentCases();
Cases ControlCases();
Cases CloseCases();
Cases ValidTextCases();
Cases InvalidTextCases();

}  // namespace frames
