// Parts of main that both processes share: refusing to start, signals.
#pragma once

#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "channel_service/base/metrics.h"

namespace channel {

// First of all in main: changes defaults of libraries that cost something with every message.
void TuneLibraries();

// Early in main: until ProcessSignals exist, SIGTERM and SIGINT end the process with 0 (nothing has
// to be drained yet) and SIGHUP does nothing.
void ObeySignalsWhileStarting();

// Logs why the process does not start; returns `exit_code`.
int Fail(int exit_code, const absl::Status& status);

// Parses a flag's listen address. Ends the process with 64 if it is none, with 78 if it is exposed
// without --insecure. `allowed`: see CheckExposure.
boost::asio::ip::tcp::endpoint ParseListenFlag(std::string_view flag, std::string_view value,
                                               std::string_view allowed, bool insecure);

// SIGTERM and SIGINT stop, SIGHUP reloads the log level. Runs on the loop that it is given.
class ProcessSignals {
 public:
  // `reloads` counts SIGHUPs that were obeyed.
  ProcessSignals(boost::asio::io_context& loop, prometheus::Counter& reloads,
                 std::string log_level_file);

  // Before the loop runs. `stop` is called with 1 for the first signal, 2 for the second …
  void OnStop(std::function<void(int count)> stop) { stop_ = std::move(stop); }

 private:
  void StartWait();
  void Reload();

  boost::asio::signal_set signals_;
  prometheus::Counter& reloads_;
  const std::string log_level_file_;
  std::function<void(int)> stop_;
  int stop_count_ = 0;
};

}  // namespace channel
