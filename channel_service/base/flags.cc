#include "channel_service/base/flags.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

[[noreturn]] void Refuse(const char* program, const std::string& why) {
  std::fprintf(stderr, "%s: %s (see --help)\n", program, why.c_str());
  std::exit(kExitUsage);
}

// Those of our flags whose source file has `folder` in its path, in order of their names.
void PrintHelp(std::string_view usage, const std::string& folder) {
  std::printf("%.*s\n\nFlags:\n", static_cast<int>(usage.size()), usage.data());
  std::map<std::string_view, absl::CommandLineFlag*> ours;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (flag->Filename().find(folder) != std::string::npos) ours[ToStd(name)] = flag;
  }
  for (const auto& [name, flag] : ours) {
    std::printf("  --%.*s=%s\n      %s\n", static_cast<int>(name.size()), name.data(),
                flag->DefaultValue().c_str(), flag->Help().c_str());
  }
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
  for (int i = 1; i < argc;) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      PrintHelp(usage, std::string(source_folder));
      std::exit(0);
    }
    if (argument == "--version") {
      std::puts("channel " CHANNEL_VERSION);
      std::exit(0);
    }
    i += CheckFlag(argc, argv, i);
  }
  absl::ParseCommandLine(argc, argv);
}

}  // namespace channel
