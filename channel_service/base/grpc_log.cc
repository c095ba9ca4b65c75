#include "channel_service/base/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <string_view>

#include "channel_service/base/log_gate.h"

namespace channel {
namespace {

spdlog::level::level_enum LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return spdlog::level::debug;
    case GPR_LOG_SEVERITY_INFO:
      return spdlog::level::info;
    case GPR_LOG_SEVERITY_ERROR:
      return spdlog::level::warn;  // of one call or connection; the process goes on
  }
  return spdlog::level::warn;
}

// gRPC calls it from any thread, and with nothing of ours.
void OnLine(gpr_log_func_args* line) {
  static std::mutex mutex;
  static LogGate gate(kGrpcLinesPerSecondMax);
  std::string_view file(line->file);
  file.remove_prefix(file.rfind('/') + 1);
  if (std::string_view(line->message).starts_with("assertion failed")) {
    spdlog::critical("gRPC: {} ({}:{})", line->message, file, line->line);
    return;
  }
  std::optional<size_t> left_out;
  {
    const std::lock_guard lock(mutex);
    left_out = gate.Pass(std::chrono::steady_clock::now());
  }
  if (!left_out.has_value()) return;
  const auto level = LevelOf(line->severity);
  if (*left_out > 0) spdlog::log(level, "gRPC: {} lines are left out", *left_out);
  spdlog::log(level, "gRPC: {} ({}:{})", line->message, file, line->line);
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(&OnLine); }

}  // namespace channel
