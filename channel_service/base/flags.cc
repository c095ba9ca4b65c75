#include "channel_service/base/flags.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

// Bounds of --flagfile, far above any list of flags: reading /dev/zero, or a file that names
// itself, ends.
constexpr size_t kFlagFileBytesMax = 1 << 20;
constexpr size_t kFlagFileDepthMax = 8;

constexpr absl::Duration kDurationMax = absl::Hours(24 * 3650);

constexpr std::string_view kFlagFileHelp =
    "  --flagfile=FILE\n"
    "      Files of flags, with commas; --name=value on a line of its own, # begins a comment "
    "line.\n"
    "      The flags hold as if they stood here: a later one wins\n";

// The beginning of an argument that can be a flag's name. The rest may be a secret: with
// `--nats_url nats://me:password@host` on one line of a file, or where the dashes were forgotten.
std::string NameIn(const std::string& argument) {
  size_t end = 0;
  while (end < argument.size() && (absl::ascii_isalnum(static_cast<unsigned char>(argument[end])) ||
                                   argument[end] == '_' || argument[end] == '-')) {
    ++end;
  }
  return argument.substr(0, end) + (end == argument.size() ? "" : "…");
}

// Reads the flags of one place after the other: the command line, and files that it names.
class FlagReader {
 public:
  explicit FlagReader(std::string program) : program_(std::move(program)) {}

  // Sets the flag that stands at index `i`; returns the number of arguments used: 1, or 2 for
  // "--flag value".
  size_t Read(const std::vector<std::string>& arguments, size_t i) {
    std::string name = arguments[i];
    if (name.rfind("--", 0) != 0) Refuse("'" + NameIn(name) + "' is not a flag");
    name.erase(0, 2);
    std::string value;
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string::npos;
    if (has_value) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const bool is_file = name == "flagfile";
    absl::CommandLineFlag* flag = is_file ? nullptr : absl::FindCommandLineFlag(name);
    if (flag == nullptr && !is_file) {
      if (!SetToFalse(name, has_value)) Refuse("unknown flag --" + NameIn(name));
      return 1;
    }
    size_t used = 1;
    if (!has_value && !is_file && flag->IsOfType<bool>()) {
      value = "true";
    } else if (!has_value) {
      if (i + 1 >= arguments.size()) Refuse("flag --" + name + " needs a value");
      value = arguments[i + 1];
      used = 2;
    }
    if (is_file) {
      ReadFiles(value);
    } else {
      Set(*flag, name, value);
    }
    return used;
  }

 private:
  [[noreturn]] void Refuse(const std::string& why) const {
    std::fprintf(stderr, "%s: %s%s (see --help)\n", program_.c_str(), place_.c_str(), why.c_str());
    std::exit(kExitUsage);
  }

  void Set(absl::CommandLineFlag& flag, const std::string& name, const std::string& value) const {
    std::string error;  // repeats the value and the name
    if (flag.ParseFrom(value, &error)) {
      const auto duration = flag.TryGet<absl::Duration>();
      if (!duration || (*duration >= absl::ZeroDuration() && *duration <= kDurationMax)) return;
      Refuse("flag --" + name + " does not take '" + value + "'; it takes 0 to 87600h");
    }
    const std::string example = flag.DefaultValue();
    Refuse("flag --" + name + " does not take '" + value + "'" +
           (example.empty() ? "" : "; it takes values such as " + example));
  }

  // --noname of a boolean flag.
  bool SetToFalse(const std::string& name, bool has_value) const {
    if (has_value || name.rfind("no", 0) != 0) return false;
    absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name.substr(2));
    if (flag == nullptr || !flag->IsOfType<bool>()) return false;
    Set(*flag, name, "false");
    return true;
  }

  void ReadFiles(const std::string& paths) {
    for (const std::string& path :
         std::vector<std::string>(absl::StrSplit(paths, ',', absl::SkipEmpty()))) {
      if (depth_ == kFlagFileDepthMax) {
        Refuse("--flagfile=" + path + ": too many files within files (does one name itself?)");
      }
      const std::string text = TextOf(path);
      const std::string outer = place_;
      ++depth_;
      size_t number = 0;
      for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
        place_ = path + ":" + std::to_string(++number) + ": ";
        const std::string flag(absl::StripAsciiWhitespace(line));
        if (!flag.empty() && flag.front() != '#') Read({flag}, 0);
      }
      --depth_;
      place_ = outer;
    }
  }

  std::string TextOf(const std::string& path) const {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      Refuse("--flagfile=" + path + " is a directory");
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      Refuse("--flagfile=" + path + " cannot be read: " + std::generic_category().message(errno));
    }
    std::string text(kFlagFileBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    if (file.bad()) Refuse("--flagfile=" + path + " cannot be read");
    if (text.size() > kFlagFileBytesMax) {
      Refuse("--flagfile=" + path + " is larger than 1 MiB");
    }
    return text;
  }

  const std::string program_;
  std::string place_;  // "FILE:LINE: " of the flag that is read; empty on the command line
  size_t depth_ = 0;   // files that are open, one within the other
};

// The flags whose source file has `folder` in its path, in order of their names.
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
  std::printf("%.*s", static_cast<int>(kFlagFileHelp.size()), kFlagFileHelp.data());
}

}  // namespace

void ParseFlags(int argc, char** argv, std::string_view usage, std::string_view source_folder) {
  const std::vector<std::string> arguments(argv, argv + argc);
  FlagReader reader(arguments[0]);
  for (size_t i = 1; i < arguments.size();) {
    if (arguments[i] == "--help" || arguments[i] == "-h") {
      PrintHelp(usage, std::string(source_folder));
      std::exit(0);
    }
    if (arguments[i] == "--version") {
      std::puts("channel " CHANNEL_VERSION);
      std::exit(0);
    }
    i += reader.Read(arguments, i);
  }
}

}  // namespace channel
