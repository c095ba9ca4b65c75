// The command line of the programs: what is refused is said in one line, with exit code 64.
#include "channel_service/base/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/time/time.h"

ABSL_FLAG(uint64_t, test_bytes_max, 7, "a number");
ABSL_FLAG(absl::Duration, test_patience, absl::Seconds(3), "a duration");
ABSL_FLAG(bool, test_insecure, false, "a boolean");

namespace channel {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest()
      : folder_(::testing::TempDir() + "flags_test_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
  }
  ~FlagsTest() override {
    absl::SetFlag(&FLAGS_test_bytes_max, 7);
    absl::SetFlag(&FLAGS_test_patience, absl::Seconds(3));
    absl::SetFlag(&FLAGS_test_insecure, false);
    std::filesystem::remove_all(folder_);
  }

  // The path of a new file with this text.
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  static void Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ParseFlags(static_cast<int>(argv.size()), argv.data(), "A program.", "flags_test");
  }

  // Exactly one line, and 64.
  static void ExpectRefused(const std::vector<std::string>& arguments, const std::string& why) {
    EXPECT_EXIT(Parse(arguments), ExitedWithCode(64),
                ::testing::Eq("program: " + why + " (see --help)\n"));
  }

  const std::string folder_;
};

TEST_F(FlagsTest, SetsFlagsInEachWayThatTheyAreWritten) {
  Parse({"--test_bytes_max=8", "--test_patience", "2m", "--test_insecure"});
  EXPECT_EQ(absl::GetFlag(FLAGS_test_bytes_max), 8u);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_patience), absl::Minutes(2));
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_insecure));
  Parse({"--notest_insecure"});
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_insecure));
  Parse({"--test_insecure=true"});
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_insecure));
}

TEST_F(FlagsTest, RefusesWhatIsNoFlagOrHasABadValue) {
  ExpectRefused({"--sails=3"}, "unknown flag --sails");
  ExpectRefused({"--nosails"}, "unknown flag --nosails");
  ExpectRefused({"--notest_bytes_max"}, "unknown flag --notest_bytes_max");
  ExpectRefused({"-x"}, "'-x' is not a flag");
  ExpectRefused({"start"}, "'start' is not a flag");
  ExpectRefused({"--test_bytes_max"}, "flag --test_bytes_max needs a value");
  ExpectRefused({"--test_bytes_max=-1"},
                "flag --test_bytes_max does not take '-1'; it takes values such as 7");
  ExpectRefused({"--test_insecure=perhaps"},
                "flag --test_insecure does not take 'perhaps'; it takes values such as false");
  // Sums of times must not overflow.
  for (const char* value : {"inf", "-1s", "87600h1s"}) {
    ExpectRefused(
        {std::string("--test_patience=") + value},
        std::string("flag --test_patience does not take '") + value + "'; it takes 0 to 87600h");
  }
  // Abseil's own, which nobody documents here.
  ExpectRefused({"--undefok=sails"}, "unknown flag --undefok");
  ExpectRefused({"--fromenv=test_bytes_max"}, "unknown flag --fromenv");
}

TEST_F(FlagsTest, RepeatsNothingThatMayBeASecret) {
  const std::string url = "nats://me:secret@host:4222";
  ExpectRefused({"nats_url=" + url}, "'nats_url…' is not a flag");
  ExpectRefused({"-nats_url=" + url}, "'-nats_url…' is not a flag");
  ExpectRefused({"--nats-url=" + url}, "unknown flag --nats-url");
  const std::string file = File("space", "--test_bytes_max " + url);
  ExpectRefused({"--flagfile=" + file}, file + ":1: unknown flag --test_bytes_max…");
}

TEST_F(FlagsTest, TakesFlagsFromFilesAndTheLaterOneWins) {
  const std::string inner = File("inner", "--test_patience=9s\n");
  const std::string file =
      File("outer",
           "# a comment\r\n\n  --test_bytes_max=8  \r\n--flagfile=" + inner + "\n--test_insecure");
  Parse({"--test_bytes_max=1", "--flagfile=" + file});
  EXPECT_EQ(absl::GetFlag(FLAGS_test_bytes_max), 8u);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_patience), absl::Seconds(9));
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_insecure));
  Parse({"--flagfile", file + "," + inner, "--test_bytes_max=1"});
  EXPECT_EQ(absl::GetFlag(FLAGS_test_bytes_max), 1u);
}

TEST_F(FlagsTest, RefusesAFlagFileThatCannotBeRead) {
  ExpectRefused({"--flagfile"}, "flag --flagfile needs a value");
  ExpectRefused({"--flagfile=" + folder_ + "/none"},
                "--flagfile=" + folder_ + "/none cannot be read: No such file or directory");
  ExpectRefused({"--flagfile=" + folder_}, "--flagfile=" + folder_ + " is a directory");
  ExpectRefused({"--flagfile=/dev/zero"}, "--flagfile=/dev/zero is larger than 1 MiB");
}

TEST_F(FlagsTest, RefusesAFlagFileWithABadLineAndNamesTheLine) {
  const std::string unknown = File("unknown", "--test_bytes_max=8\n--sails=3\n");
  ExpectRefused({"--flagfile=" + unknown}, unknown + ":2: unknown flag --sails");
  const std::string bad = File("bad", "\n\n--test_patience=soon\n");
  ExpectRefused({"--flagfile=" + bad},
                bad + ":3: flag --test_patience does not take 'soon'; it takes values such as 3s");
  const std::string word = File("word", "insecure");
  ExpectRefused({"--flagfile=" + word}, word + ":1: 'insecure' is not a flag");
  const std::string nothing = File("nothing", "--test_bytes_max\n8\n");
  ExpectRefused({"--flagfile=" + nothing}, nothing + ":1: flag --test_bytes_max needs a value");
}

TEST_F(FlagsTest, RefusesAFlagFileThatNamesItself) {
  const std::string path = folder_ + "/itself";
  File("itself", "--flagfile=" + path + "\n");
  ExpectRefused(
      {"--flagfile=" + path},
      path + ":1: --flagfile=" + path + ": too many files within files (does one name itself?)");
}

TEST_F(FlagsTest, HelpListsOurFlagsAndFlagfile) {
  // A death test sees standard error only.
  const auto help = [] {
    ::dup2(2, 1);
    Parse({"--help"});
  };
  EXPECT_EXIT(help(), ExitedWithCode(0),
              ::testing::AllOf(HasSubstr("--test_bytes_max=7"), HasSubstr("--flagfile=FILE")));
}

}  // namespace
}  // namespace channel
