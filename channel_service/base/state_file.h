// The file of --state_file, from which a script reads the pid and the addresses of a process that
// listens.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace channel {

// Writes {"pid":…,"name":…,"listen":…,"admin":…} in one step (rename); removes it when destroyed.
class StateFile {
 public:
  StateFile() = default;
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  ~StateFile() { Remove(); }

  // An empty path writes nothing. UNAVAILABLE names the path and the reason.
  absl::Status Write(const std::string& path, std::string_view name, std::string_view listen,
                     std::string_view admin);

  void Remove();

 private:
  std::string path_;
};

}  // namespace channel
