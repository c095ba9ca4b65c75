// Frames of RFC 6455: a client's are made, a server's are read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace support {

// RFC 6455, section 5.2.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

struct Frame {
  bool fin = true;
  std::uint8_t reserved = 0;  // the three reserved bits, 0 … 7
  std::uint8_t opcode = 1;    // a number, so that reserved ones can be sent
  bool masked = true;
  std::string payload;

  bool Is(Opcode code) const { return opcode == static_cast<std::uint8_t>(code); }
  // The code (1005 if it has none) and the reason of a close frame.
  int CloseCode() const;
  std::string CloseReason() const;
};

// The bytes of a frame as a client sends it. `declared_length` lies about the payload's length.
std::string EncodeFrame(const Frame& frame, std::optional<std::uint64_t> declared_length = {});
std::string EncodeText(std::string_view text);

// Takes the first frame of a server off the front of `bytes`. Returns false, and takes nothing,
// while it is not complete. Throws TestFailure if it is masked.
bool TakeFrame(std::string_view& bytes, Frame& frame);

}  // namespace support
