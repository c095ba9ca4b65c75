#include "channel_service/base/flags.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

[[noreturn]] void Refuse(const char* program, const std::string& why) {
  std::fprintf(stderr, "%s: %s (see --help)\n", program, why.c_str());
  std::exit(kExitUsage);
}

// Abseil ends a process with 1 on bad flags; looking at them first lets us say so in one line and
// end with 64. Returns the number of arguments used: 1, or 2 for "--flag value".
int CheckFlag(int argc, char** argv, int i) {
  std::string name = argv[i];
  if (name.rfind("--", 0) != 0) Refuse(argv[0], "'" + name + "' is not a flag");
  name.erase(0, 2);
  std::string value;
  const size_t equals = name.find('=');
  const bool has_value = equals != std::string::npos;
  if (has_value) {
    value = name.substr(equals + 1);
    name.resize(equals);
  }
  absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
  if (flag == nullptr && name.rfind("no", 0) == 0) {
    flag = absl::FindCommandLineFlag(name.substr(2));
    if (flag != nullptr && flag->IsOfType<bool>() && !has_value) return 1;
    flag = nullptr;
  }
  if (flag == nullptr) Refuse(argv[0], "unknown flag --" + name);
  if (flag->IsOfType<bool>() && !has_value) return 1;
  int used = 1;
  if (!has_value) {
    if (i + 1 >= argc) Refuse(argv[0], "flag --" + name + " needs a value");
    value = argv[i + 1];
    used = 2;
  }
  std::string error;
  if (!flag->ParseFrom(value, &error)) {
    Refuse(argv[0], "flag --" + name + " does not take '" + value + "'" +
                        (error.empty() ? "" : ": " + error));
  }
  return used;
}

}  // namespace

void ParseFlags(int argc, char** argv, std::string_view usage, std::string_view source_folder) {
  absl::SetProgramUsageMessage(ToAbsl(usage));
  absl::FlagsUsageConfig config;
  const std::string folder(source_folder);
  const auto ours = [folder](absl::string_view file) {
    return ToStd(file).find(folder) != std::string_view::npos;
  };
  config.contains_help_flags = ours;
  config.contains_helpshort_flags = ours;
  config.version_string = [] { return std::string("channel " CHANNEL_VERSION "\n"); };
  // Only the part of the path that says something to the person who reads --help.
  config.normalize_filename = [folder](absl::string_view file) {
    const std::string path(file.data(), file.size());
    const size_t at = path.rfind(folder);
    return at == std::string::npos ? path : path.substr(at);
  };
  absl::SetFlagsUsageConfig(config);

  for (int i = 1; i < argc;) i += CheckFlag(argc, argv, i);
  absl::ParseCommandLine(argc, argv);
}

}  // namespace channel
