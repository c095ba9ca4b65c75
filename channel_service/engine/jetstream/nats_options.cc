#include "channel_service/engine/jetstream/nats_options.h"

#include <spdlog/fmt/fmt.h>

#include <vector>

namespace channel {
namespace {

// libnats gives a server up after two unanswered pings, and tries the next one.
constexpr int64_t kPingMs = 1000;
constexpr int kPingsUnansweredMax = 2;
constexpr int64_t kConnectTimeoutMs = 1000;
constexpr int64_t kReconnectWaitMs = 100;
constexpr int kReadBytes = 64 << 10;

std::string LastError() {
  const char* const text = nats_GetLastError(nullptr);
  return text == nullptr ? "" : text;
}

absl::Status SetSecrets(const NatsAccess& access, natsOptions* options) {
  if (!access.user.empty()) {
    natsOptions_SetUserInfo(options, access.user.c_str(), access.password.c_str());
  }
  if (!access.token.empty()) natsOptions_SetToken(options, access.token.c_str());
  if (!access.creds_file.empty() && natsOptions_SetUserCredentialsFromFiles(
                                        options, access.creds_file.c_str(), nullptr) != NATS_OK) {
    return absl::FailedPreconditionError(
        fmt::format("--nats_creds_file={}: {}", access.creds_file, LastError()));
  }
  if (!access.tls) return absl::OkStatus();
  if (natsOptions_SetSecure(options, true) != NATS_OK) {
    return absl::FailedPreconditionError("this libnats cannot speak TLS: " + LastError());
  }
  if (!access.ca_file.empty() &&
      natsOptions_LoadCATrustedCertificates(options, access.ca_file.c_str()) != NATS_OK) {
    return absl::FailedPreconditionError(
        fmt::format("--nats_ca={}: {}", access.ca_file, LastError()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetNatsOptions(const NatsAccess& access, const std::string& name,
                            natsOptions* options) {
  std::vector<const char*> urls;
  urls.reserve(access.servers.size());
  for (const std::string& server : access.servers) urls.push_back(server.c_str());
  if (natsOptions_SetServers(options, urls.data(), static_cast<int>(urls.size())) != NATS_OK) {
    return absl::FailedPreconditionError(
        fmt::format("libnats does not take the NATS URL {}: {}", access.shown(), LastError()));
  }
  natsOptions_SetName(options, name.c_str());
  natsOptions_SetTimeout(options, kConnectTimeoutMs);
  natsOptions_SetPingInterval(options, kPingMs);
  natsOptions_SetMaxPingsOut(options, kPingsUnansweredMax);
  natsOptions_SetMaxReconnect(options, -1);
  natsOptions_SetReconnectWait(options, kReconnectWaitMs);
  natsOptions_SetReconnectJitter(options, kReconnectWaitMs, kReconnectWaitMs);
  natsOptions_SetIOBufSize(options, kReadBytes);
  natsOptions_UseGlobalMessageDelivery(options, true);
  // Asks for the socket to be written at once; otherwise a thread of libnats asks 1 ms later. What
  // is published together is still written together.
  natsOptions_SetSendAsap(options, true);
  return SetSecrets(access, options);
}

std::string WhyNotConnected(natsStatus status, const NatsAccess& access) {
  std::string text = natsStatus_GetText(status);
  switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return text +
             ": the server does not let this user in; say who it is with --nats_url_file or "
             "--nats_creds_file";
    case NATS_SSL_ERROR:
      return fmt::format("{} ({}): the server's certificate is checked by its host and by {}", text,
                         LastError(),
                         access.ca_file.empty() ? "the system's authorities; name another with "
                                                  "--nats_ca"
                                                : "--nats_ca=" + access.ca_file);
    case NATS_SECURE_CONNECTION_WANTED:
      return text + ": the server does not speak TLS; write nats://, not tls://";
    case NATS_SECURE_CONNECTION_REQUIRED:
      return text + ": the server speaks TLS only; write tls://";
    default:
      return text;
  }
}

}  // namespace channel
