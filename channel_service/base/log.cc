#include "channel_service/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "channel_service/base/check.h"
#include "channel_service/base/grpc_log.h"
#include "channel_service/base/printable.h"

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

// "%*" in the pattern: the message.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const std::string shown =
        Printable({message.payload.data(), message.payload.size()}, kLogLineBytesMax);
    line.append(shown.data(), shown.data() + shown.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

std::unique_ptr<spdlog::formatter> LineFormat() {
  auto format = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  format->add_flag<PrintableMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n %*");
  return format;
}

}  // namespace

absl::Status InitLog(std::string_view name, std::string_view level) {
  auto logger = std::make_shared<spdlog::logger>(Printable(name, kLogLineBytesMax),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(LineFormat());
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  TakeGrpcLog();
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
