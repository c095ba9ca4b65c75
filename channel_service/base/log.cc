#include "channel_service/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "channel_service/base/check.h"

namespace channel {
namespace {

absl::Status SetLevel(std::string_view word) {
  for (const char* known : {"trace", "debug", "info", "warn", "error"}) {
    if (word == known) {
      spdlog::set_level(spdlog::level::from_str(std::string(word)));
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("log level '{}' is unknown; allowed: trace, debug, info, warn, error", word));
}

}  // namespace

absl::Status InitLog(std::string_view name, std::string_view level) {
  auto logger = std::make_shared<spdlog::logger>(std::string(name),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return SetLevel(level);
}

absl::Status ReloadLogLevel(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word))
    return absl::NotFoundError(fmt::format("cannot read a log level from {}", path));
  return SetLevel(word);
}

namespace internal {

void CheckFailed(const char* file, int line, const char* condition) {
  spdlog::critical("CHECK failed: {} at {}:{}", condition, file, line);
  std::abort();
}

}  // namespace internal
}  // namespace channel
