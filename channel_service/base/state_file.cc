#include "channel_service/base/state_file.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace channel {

void StateFile::Remove() {
  if (!path_.empty()) std::remove(path_.c_str());
  path_.clear();
}

absl::Status StateFile::Write(const std::string& path, std::string_view name,
                              std::string_view listen, std::string_view admin) {
  if (path.empty()) return absl::OkStatus();
  const boost::json::object state = {{"pid", ::getpid()},
                                     {"name", boost::json::string_view(name)},
                                     {"listen", boost::json::string_view(listen)},
                                     {"admin", boost::json::string_view(admin)}};
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::trunc);
  file << boost::json::serialize(state) << '\n';
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot write --state_file={}: {}", path, std::strerror(errno)));
  }
  path_ = path;
  return absl::OkStatus();
}

}  // namespace channel
