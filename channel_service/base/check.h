// CHANNEL_CHECK: a broken promise of our own ends the process, also in release builds. It never
// checks what peers, the network or the engine may do: that is a value (absl::Status or an enum).
#pragma once

namespace channel::internal {

// Logs "CHECK failed: …" and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace channel::internal

#define CHANNEL_CHECK(condition) \
  ((condition) ? void(0) : ::channel::internal::CheckFailed(__FILE__, __LINE__, #condition))
