#include "channel_service/base/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

namespace channel {
namespace {

prometheus::MetricFamily One(const char* name, const char* help, prometheus::MetricType type,
                             double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {name, help, type, {metric}};
}

double ResidentBytes() {
  // proc(5): /proc/self/statm counts pages; the second field is the resident set.
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenDescriptors() {
  double count = -3;  // ".", ".." and the descriptor of the listing itself
  if (DIR* folder = ::opendir("/proc/self/fd"); folder != nullptr) {
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
  }
  return count;
}

const double kStartTime = static_cast<double>(std::time(nullptr));

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using prometheus::MetricType;
  return {One("channel_process_resident_memory_bytes", "Resident memory", MetricType::Gauge,
              ResidentBytes()),
          One("channel_process_cpu_seconds_total", "User and system time", MetricType::Counter,
              CpuSeconds()),
          One("channel_process_open_fds", "Open file descriptors", MetricType::Gauge,
              OpenDescriptors()),
          One("channel_process_start_time_seconds", "Start, seconds since 1970", MetricType::Gauge,
              kStartTime)};
}

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace channel
