#include "channel_service/base/process.h"

#include <google/protobuf/stubs/logging.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "channel_service/base/address.h"
#include "channel_service/base/flags.h"
#include "channel_service/base/log.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

// Without this protobuf writes a line to stderr for each request that it cannot parse; the sender
// learns it from the status of its call.
void OnProtobufLog(google::protobuf::LogLevel level, const char* file, int line,
                   const std::string& message) {
  const bool fatal = level == google::protobuf::LOGLEVEL_FATAL;
  spdlog::log(fatal ? spdlog::level::critical : spdlog::level::debug, "protobuf {}:{}: {}", file,
              line, message);
}

}  // namespace

void TuneLibraries() {
  google::protobuf::SetLogHandler(&OnProtobufLog);
  // Debian builds Abseil with assertions: each lock of gRPC's would keep a graph of lock orders
  // under a global lock (4 % of the hub's instructions per delivery).
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // By default malloc(3) gives memory at the top of the heap back to the kernel and takes it again,
  // page by page, with each burst of blocks.
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  // malloc adapts this threshold only while neither of the two is set (mallopt(3)). Larger blocks
  // are mapped one by one.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

void ObeySignalsWhileStarting() {
  const auto end = [](int) { std::_Exit(0); };
  std::signal(SIGTERM, end);
  std::signal(SIGINT, end);
  std::signal(SIGHUP, SIG_IGN);
}

int Fail(int exit_code, const absl::Status& status) {
  spdlog::error("{}", MessageOf(status));
  return exit_code;
}

boost::asio::ip::tcp::endpoint ParseListenFlag(std::string_view flag, std::string_view value,
                                               std::string_view allowed, bool insecure) {
  const auto endpoint = ParseListenAddress(value);
  if (!endpoint.ok()) {
    spdlog::error("{}: {}", flag, MessageOf(endpoint.status()));
    std::exit(kExitUsage);
  }
  if (const auto status = CheckExposure(*endpoint, flag, allowed, insecure); !status.ok()) {
    std::exit(Fail(kExitConfig, status));
  }
  return *endpoint;
}

ProcessSignals::ProcessSignals(boost::asio::io_context& loop, prometheus::Counter& reloads,
                               std::string log_level_file)
    : signals_(loop, SIGTERM, SIGINT, SIGHUP),
      reloads_(reloads),
      log_level_file_(std::move(log_level_file)) {
  std::signal(SIGPIPE, SIG_IGN);  // a broken connection is an error code, not the end
  StartWait();
}

void ProcessSignals::StartWait() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    StartWait();
    if (signal == SIGHUP) {
      Reload();
    } else {
      stop_(++stop_count_);
    }
  });
}

void ProcessSignals::Reload() {
  if (!log_level_file_.empty()) {
    if (const auto status = ReloadLogLevel(log_level_file_); !status.ok()) {
      spdlog::error("SIGHUP: {}", MessageOf(status));
      return;
    }
  }
  reloads_.Increment();
  spdlog::info("SIGHUP: reloaded");
}

}  // namespace channel
