// Tests of access to a nats-server, and of how the engine finds out that it has none: with real
// servers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "channel_service/base/strings.h"
#include "channel_service/engine/jetstream/jetstream_error.h"
#include "tests/contract/jetstream_node.h"
#include "tests/support/nats_identity.h"
#include "tests/support/nats_server.h"
#include "tests/support/reserved_port.h"

namespace channel {
namespace {

using support::NatsServer;

// The log holds no secret either: see TheLogHoldsNoSecret in tests/deploy.
absl::Status Open(const NatsAccess& access) {
  auto options = test::TestOptions({}, "LOG");
  options.nats = access;
  SystemClock clock;
  prometheus::Registry registry;
  // Long enough for one attempt: what is wrong stays wrong.
  return JetStreamEngine::Open(options, clock, registry, test::TestLimits(),
                               std::chrono::milliseconds(300))
      .status();
}
absl::Status OpenUrl(const std::string& url) { return Open(ParseNatsUrls(url).value()); }

void ExpectRefused(const absl::Status& status, const std::string& words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(MessageOf(status).find(words), std::string_view::npos) << status;
  EXPECT_EQ(MessageOf(status).find("secret"), std::string_view::npos) << status;
}

std::string At(const NatsServer& server, const std::string& who, const char* scheme = "nats://") {
  return scheme + who + "@" + server.url().substr(std::string("nats://").size());
}

TEST(JetStreamAccess, AUserIsLetInByItsPasswordWithAllItsSigns) {
  const auto nats =
      NatsServer::With("authorization { user: \"us@er\", password: \"se:c/ret%,\" }\n");
  EXPECT_TRUE(OpenUrl(At(*nats, "us%40er:se%3Ac%2Fret%25%2C")).ok());
  ExpectRefused(OpenUrl(At(*nats, "us%40er:another-secret")),
                "the server does not let this user in");
  ExpectRefused(OpenUrl(nats->url()), "the server does not let this user in");
}

TEST(JetStreamAccess, ATokenLetsIn) {
  const auto nats = NatsServer::With("authorization { token: \"to/ken\" }\n");
  EXPECT_TRUE(OpenUrl(At(*nats, "to%2Fken")).ok());
  ExpectRefused(OpenUrl(At(*nats, "another-secret")), "the server does not let this user in");
}

TEST(JetStreamAccess, OfSeveralServersTheOneThatIsThereIsUsed) {
  const NatsServer nats;
  const support::ReservedPort nobody;
  EXPECT_TRUE(
      OpenUrl("nats://127.0.0.1:" + std::to_string(nobody.number()) + "," + nats.url()).ok());
}

class JetStreamFiles : public ::testing::Test {
 protected:
  JetStreamFiles() {
    std::string pattern = ::testing::TempDir() + "nats-access-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~JetStreamFiles() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    std::filesystem::permissions(folder_ + "/" + name, std::filesystem::perms{0600});
    return folder_ + "/" + name;
  }
  // A certificate that signs itself: NAME.pem, NAME.key. Returns the path of the first.
  std::string MakeCertificate(const std::string& name, const std::string& host) {
    const std::string stem = folder_ + "/" + name;
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=test -addext subjectAltName=" +
        host + " -keyout " + stem + ".key -out " + stem + ".pem 2>" + stem + ".log";
    if (std::system(command.c_str()) != 0) throw support::TestFailure("openssl: " + command);
    return stem + ".pem";
  }
  std::unique_ptr<NatsServer> ServerWith(const std::string& certificate) {
    const std::string key = certificate.substr(0, certificate.size() - 3) + "key";
    return NatsServer::With("tls { cert_file: \"" + certificate + "\", key_file: \"" + key +
                            "\", timeout: 10 }\n");
  }

  std::string folder_;
};

TEST_F(JetStreamFiles, TlsIsSpokenWithAServerThatTheCertificatesSign) {
  const std::string certificate = MakeCertificate("good", "IP:127.0.0.1");
  const auto nats = ServerWith(certificate);
  const std::string url = "tls://" + nats->url().substr(7);
  const auto access = ReadNatsAccess({.url = url, .ca_file = certificate});
  ASSERT_TRUE(access.ok()) << access.status();
  {
    SystemClock clock;
    auto options = test::TestOptions({}, "LOG");
    options.nats = *access;
    test::JetStreamNode node(options, clock);
    node->Attach("g");
    for (int i = 0; i < 100; ++i) node->StartPublish("g", std::string(60'000, 'x'));
    node->AwaitBodies("g", 100);
  }
  const std::string other = MakeCertificate("other", "IP:127.0.0.1");
  ExpectRefused(Open({.servers = {nats->url()}, .tls = true, .ca_file = other}),
                "checked by its host and by --nats_ca=" + other);
  ExpectRefused(Open({.servers = {nats->url()}, .tls = true}), "--nats_ca");
}

TEST_F(JetStreamFiles, ACertificateOfAnotherHostIsRefused) {
  const std::string certificate = MakeCertificate("elsewhere", "DNS:elsewhere.test");
  const auto nats = ServerWith(certificate);
  ExpectRefused(Open({.servers = {nats->url()}, .tls = true, .ca_file = certificate}),
                "checked by its host and by --nats_ca=" + certificate);
}

TEST_F(JetStreamFiles, TlsIsNotSpokenWithAServerThatDoesNot) {
  const NatsServer nats;
  const std::string certificate = MakeCertificate("good", "IP:127.0.0.1");
  ExpectRefused(Open({.servers = {nats.url()}, .tls = true, .ca_file = certificate}),
                "write nats://, not tls://");
}

TEST_F(JetStreamFiles, ACredentialsFileLetsIn) {
  const support::NatsIdentity identity = support::MakeNatsIdentity();
  const auto nats = NatsServer::With(identity.config);
  const auto access =
      ReadNatsAccess({.url = nats->url(), .creds_file = Write("creds", identity.creds)});
  ASSERT_TRUE(access.ok()) << access.status();
  const absl::Status opened = Open(*access);
  EXPECT_TRUE(opened.ok()) << opened;
  const std::string other = support::MakeNatsIdentity().creds;
  ExpectRefused(Open({.servers = {nats->url()}, .creds_file = Write("other", other)}),
                "the server does not let this user in");
}

TEST(JetStreamAccess, AServerWithoutJetStreamIsSaidAndHowToStartIt) {
  ExpectRefused(OpenUrl(NatsServer::WithoutJetStream()->url()), kNoJetStream);
}

TEST(JetStreamAccess, AnAccountWithoutJetStreamIsSaid) {
  const auto nats = NatsServer::With("accounts { A: { users: [{user: a, password: secret}] } }\n");
  ExpectRefused(OpenUrl(At(*nats, "a:secret")), kNoJetStreamForAccount);
}

TEST(JetStreamAccess, AUserWhoMayNotPublishIsSaid) {
  const auto nats = NatsServer::With(
      "authorization { users: [{user: a, password: secret,\n"
      "  permissions: { publish: \"elsewhere\", subscribe: \">\" } }] }\n");
  ExpectRefused(OpenUrl(At(*nats, "a:secret")), kNotPermitted);
}

TEST(JetStreamAccess, JetStreamThatIsLostLaterIsSaidUntilItIsBack) {
  SystemClock clock;
  NatsServer nats;
  test::JetStreamNode node(test::TestOptions({nats.url()}, "LOG"), clock);
  node.AwaitReady(true);
  nats.Kill();
  nats.SetJetStream(false);
  nats.Start();
  node->Await("word of JetStream",
              [&] { return std::string_view(node->engine().unready_reason()) == kNoJetStream; });
  nats.Kill();
  nats.SetJetStream(true);
  nats.Start();
  node.AwaitReady(true);
}

TEST(JetStreamAccess, APermissionThatIsLostLaterIsSaid) {
  SystemClock clock;
  const std::string all = "authorization { user: a, password: secret }\n";
  const auto nats = NatsServer::With(all);
  auto options = test::TestOptions({}, "LOG");
  options.nats = ParseNatsUrls(At(*nats, "a:secret")).value();
  test::JetStreamNode node(options, clock);
  node.AwaitReady(true);
  nats->Kill();
  nats->SetMore(
      "authorization { users: [{user: a, password: secret,\n"
      "  permissions: { publish: \"$JS.API.>\", subscribe: \">\" } }] }\n");
  nats->Start();
  node->Await("word of the permission",
              [&] { return std::string_view(node->engine().unready_reason()) == kNotPermitted; });
}

}  // namespace
}  // namespace channel
