// Command line: Abseil's flags with the exit codes of this project (sysexits.h: 64 usage).
#pragma once

#include <string_view>

namespace channel {

inline constexpr int kExitUsage = 64;        // sysexits.h EX_USAGE: bad flags
inline constexpr int kExitUnavailable = 69;  // EX_UNAVAILABLE: NATS or the log is away
inline constexpr int kExitSystem = 71;       // EX_OSERR: cannot bind, cannot open
inline constexpr int kExitConfig = 78;       // EX_CONFIG: flags that contradict each other

// Sets all flags: --name=value, --name value, --name and --noname of a boolean. `--flagfile=FILE`
// (several with commas) stands for the flags in that file, one on a line; later flags win. A
// duration is 0 to 87600h (ten years), so that sums of times do not overflow. A flag that is
// unknown or has a bad value, an argument that is not a flag, or a file that cannot be read ends
// the process with one line on standard error and exit code 64; the line repeats no text that may
// be a secret. `--help` lists --flagfile and the flags whose source file has `source_folder` in its
// path; `--help` and `--version` end the process with 0. Only for the start of main: no other
// thread may read flags meanwhile.
void ParseFlags(int argc, char** argv, std::string_view usage, std::string_view source_folder);

}  // namespace channel
