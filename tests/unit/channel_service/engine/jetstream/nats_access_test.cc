#include "channel_service/engine/jetstream/nats_access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "channel_service/base/strings.h"

namespace channel {
namespace {

using Strings = std::vector<std::string>;

TEST(NatsUrls, AddressesAreTakenWithAndWithoutSchemeAndPort) {
  const auto access = ParseNatsUrls("nats://a:1, b.example.org ,tls://[::1]:4223/,[fe80::1]\n");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->servers, (Strings{"nats://a:1", "nats://b.example.org:4222",
                                      "nats://[::1]:4223", "nats://[fe80::1]:4222"}));
  EXPECT_TRUE(access->tls);
  EXPECT_TRUE(access->user.empty() && access->token.empty());
}

TEST(NatsUrls, UserPasswordAndTokenAreDecoded) {
  const auto user = ParseNatsUrls("nats://us%40er:p%3Aa%2cs%25s@a,nats://b");
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->user, "us@er");
  EXPECT_EQ(user->password, "p:a,s%s");
  EXPECT_EQ(user->servers, (Strings{"nats://a:4222", "nats://b:4222"}));
  const auto token = ParseNatsUrls("tls://to%2Fken@a");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->token, "to/ken");
  EXPECT_TRUE(token->user.empty());
  const auto password_only_once = ParseNatsUrls("nats://u:p@a,nats://u:p@b");
  EXPECT_TRUE(password_only_once.ok()) << password_only_once.status();
}

TEST(NatsUrls, WhatIsShownHoldsNoSecret) {
  const auto access = ParseNatsUrls("tls://user:secret@a:1,tls://b:2");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->shown(), "tls://a:1,tls://b:2");
}

TEST(NatsUrls, BadOnesAreRefusedWithoutTheirSecret) {
  const Strings bad = {"",
                       "nats://",
                       "http://u:secret@a",
                       "nats://u:secret@",
                       "nats://u:secret@a:0",
                       "nats://u:secret@a:65536",
                       "nats://u:secret@a:1x",
                       "nats://u:secret@a b",
                       "nats://u:secret@a/path",
                       "nats://u:secret@[::1",
                       "nats://u:secret@[::1]4222",
                       "nats://u:secret@[host]",
                       "nats://u:secret%@a",
                       "nats://u:secret%4@a",
                       "nats://u:secret%zz@a",
                       "nats://u:secret%00@a",
                       "nats://:secret@a",
                       "nats://@a",
                       "nats://u:secret@a,",
                       "nats://u:secret@a,nats://u:other@b",
                       "nats://secret@a,nats://u:secret@b"};
  for (const std::string& url : bad) {
    const auto access = ParseNatsUrls(url);
    ASSERT_FALSE(access.ok()) << url;
    EXPECT_EQ(access.status().code(), absl::StatusCode::kInvalidArgument) << url;
    const std::string words(MessageOf(access.status()));
    EXPECT_NE(words.find("--nats_url"), std::string::npos) << words;
    EXPECT_EQ(words.find("secret"), std::string::npos) << words;
  }
}

class NatsFiles : public ::testing::Test {
 protected:
  ~NatsFiles() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  // The words of a refusal that is the configuration's fault.
  std::string Refused(const NatsFlags& flags) {
    const auto access = ReadNatsAccess(flags);
    if (access.ok()) return "it was taken";
    EXPECT_EQ(access.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(MessageOf(access.status()));
  }

  static constexpr const char* kCreds =
      "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n"
      "-----BEGIN USER NKEY SEED-----\nx\n------END USER NKEY SEED------\n";
  std::string folder_ = [] {
    std::string pattern = ::testing::TempDir() + "nats-files-XXXXXX";
    return std::string(::mkdtemp(pattern.data()));
  }();
};

TEST_F(NatsFiles, TheUrlIsReadFromAFile) {
  const auto access =
      ReadNatsAccess({.url_file = Write("url", "nats://user:secret@a:1,\n  nats://b:2\n")});
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->servers, (Strings{"nats://a:1", "nats://b:2"}));
  EXPECT_EQ(access->password, "secret");
}

TEST_F(NatsFiles, BadFilesAreNamedWithTheirFlag) {
  const std::string nowhere = folder_ + "/nowhere";
  const std::string empty = Write("empty", " \n");
  const std::string bad = Write("bad", "nats://user:secret@\n");
  const std::string url = "nats://a";
  EXPECT_EQ(Refused({.url_file = nowhere}),
            "--nats_url_file=" + nowhere + ": cannot be read: No such file or directory");
  EXPECT_EQ(Refused({.url_file = "nats://user:secret@host"}),
            "--nats_url_file takes a file, not a URL");
  EXPECT_EQ(Refused({.url_file = folder_}), "--nats_url_file=" + folder_ + ": is not a file");
  EXPECT_EQ(Refused({.url_file = empty}), "--nats_url_file=" + empty + ": is empty");
  EXPECT_EQ(Refused({.url_file = bad})
                .rfind("--nats_url_file=" + bad + ": HOST:PORT of a URL is wrong: it is empty", 0),
            0U);
  EXPECT_EQ(Refused({.url = url, .creds_file = nowhere}),
            "--nats_creds_file=" + nowhere + ": cannot be read: No such file or directory");
  EXPECT_EQ(Refused({.url = url, .creds_file = bad})
                .rfind("--nats_creds_file=" + bad + ": is not a NATS credentials file", 0),
            0U);
  EXPECT_EQ(Refused({.url = "tls://a", .ca_file = bad}),
            "--nats_ca=" + bad + ": cannot be read, or holds no certificate (PEM)");
}

TEST_F(NatsFiles, FlagsThatContradictEachOtherAreRefused) {
  const std::string file = Write("url", "nats://a");
  const std::string creds = Write("creds", kCreds);
  EXPECT_NE(Refused({.url = "nats://a", .url_file = file}).find("exclude each other"),
            std::string::npos);
  EXPECT_NE(Refused({.url = "nats://u:p@a", .creds_file = creds}).find("exclude each other"),
            std::string::npos);
  EXPECT_NE(Refused({.url = "nats://a", .ca_file = file}).find("tls://"), std::string::npos);
}

TEST(NatsCommandLine, SecretsAreOverwritten) {
  std::vector<std::string> words = {"channel_service",
                                    "--nats_url=nats://u:secret@a,secret@b,c",
                                    "-nats_url",
                                    "tls://secret@a",
                                    "--nats_url_file=/a@b",
                                    "--name=u@h"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  HideNatsSecrets(static_cast<int>(argv.size()), argv.data());
  EXPECT_EQ(words, (Strings{"channel_service", "--nats_url=nats://********@a,******@b,c",
                            "-nats_url", "tls://******@a", "--nats_url_file=/a@b", "--name=u@h"}));
}

}  // namespace
}  // namespace channel
