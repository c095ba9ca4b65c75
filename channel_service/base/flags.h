// Command line: Abseil flags with the exit codes of this project (sysexits.h: 64 usage).
#pragma once

#include <string_view>

namespace channel {

inline constexpr int kExitUsage = 64;        // sysexits.h EX_USAGE: bad flags
inline constexpr int kExitUnavailable = 69;  // EX_UNAVAILABLE: what it depends on is away
inline constexpr int kExitSystem = 71;       // EX_OSERR: cannot bind, cannot open
inline constexpr int kExitConfig = 78;       // EX_CONFIG: flags that contradict each other

// Parses all flags. A flag that is unknown, or has a bad value, or an argument that is not a flag
// ends the process with one line and exit code 64. `--help` lists the flags whose source file has
// `source_folder` in its path, and ends the process with 0.
void ParseFlags(int argc, char** argv, std::string_view usage, std::string_view source_folder);

}  // namespace channel
