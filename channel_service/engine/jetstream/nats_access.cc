#include "channel_service/engine/jetstream/nats_access.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "channel_service/base/host_port.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

constexpr std::string_view kForm =
    "takes nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ or TOKEN@ before the host if "
    "need be, more of them with commas";
constexpr uint16_t kDefaultPort = 4222;
// A file of URLs or credentials has one page; a larger file is something else.
constexpr size_t kFileBytesMax = 64 << 10;

absl::Status BadUrl(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}; --nats_url {}", why, kForm));
}

// Returns nothing if a % has no two hexadecimal digits behind it, or for a zero byte.
std::optional<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    unsigned byte = 0;
    const char* const first = text.data() + i + 1;
    const auto [end, error] = std::from_chars(first, first + 2, byte, 16);
    if (error != std::errc() || end != first + 2 || byte == 0) return std::nullopt;
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  return decoded;
}

// Takes `prefix` off the front of `text`, if it is there.
bool Take(std::string_view prefix, std::string_view* text) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Makes nats://HOST:PORT of HOST[:PORT].
absl::StatusOr<std::string> ParseServer(std::string_view text) {
  const auto parsed = ParseHostAndPort(text);
  if (!parsed.ok()) {
    return BadUrl(fmt::format("HOST:PORT of a URL is wrong: {}", MessageOf(parsed.status())));
  }
  const uint16_t port = parsed->port.value_or(kDefaultPort);
  return parsed->is_v6 ? fmt::format("nats://[{}]:{}", parsed->host, port)
                       : fmt::format("nats://{}:{}", parsed->host, port);
}

absl::Status ParseUser(std::string_view text, NatsAccess* access) {
  const size_t colon = text.find(':');
  const auto first = Decode(text.substr(0, colon));
  const auto second = Decode(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (!first.has_value() || !second.has_value()) {
    return BadUrl("a user, password or token has a % that two hexadecimal digits do not follow");
  }
  if (first->empty()) return BadUrl("a user or token before the @ is empty");
  NatsAccess opened = *access;
  (colon == std::string_view::npos ? opened.token : opened.user) = *first;
  opened.password = *second;
  const bool again = !access->user.empty() || !access->token.empty();
  if (again && (opened.user != access->user || opened.password != access->password ||
                opened.token != access->token)) {
    return BadUrl("the URLs have different users or tokens; the servers of one cluster take one");
  }
  *access = std::move(opened);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSecretFile(std::string_view flag, const std::string& path) {
  const auto bad = [&](std::string_view why) {
    return absl::FailedPreconditionError(fmt::format("{}={}: {}", flag, path, why));
  };
  if (path.find("://") != std::string::npos) {  // which may hold a password
    return absl::FailedPreconditionError(fmt::format("{} takes a file, not a URL", flag));
  }
  struct stat status {};
  std::ifstream file(path, std::ios::binary);
  if (!file || ::stat(path.c_str(), &status) != 0) {
    return bad(fmt::format("cannot be read: {}", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) return bad("is not a file");
  if (static_cast<size_t>(status.st_size) > kFileBytesMax) {
    return bad(fmt::format("has more than {} bytes", kFileBytesMax));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    spdlog::warn(
        "{}={} holds a secret, and others than its owner may open it (mode {:o}): chmod 600", flag,
        path, status.st_mode & 0777);
  }
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return bad("is empty");
  return text;
}

bool HasSecret(const NatsAccess& access) { return !access.user.empty() || !access.token.empty(); }

absl::StatusOr<NatsAccess> ReadUrls(const NatsFlags& flags) {
  if (flags.url_file.empty()) {
    auto access = ParseNatsUrls(flags.url);
    if (access.ok() && HasSecret(*access)) {
      spdlog::warn(
          "--nats_url holds a secret, which shows in command lines; write the URL into a "
          "file, and say --nats_url_file");
    }
    return access;
  }
  if (!flags.url.empty()) {
    return absl::FailedPreconditionError("--nats_url and --nats_url_file exclude each other");
  }
  const auto text = ReadSecretFile("--nats_url_file", flags.url_file);
  if (!text.ok()) return text.status();
  auto access = ParseNatsUrls(*text);
  if (access.ok()) return access;
  return absl::FailedPreconditionError(
      fmt::format("--nats_url_file={}: {}", flags.url_file, MessageOf(access.status())));
}

}  // namespace

std::string NatsAccess::shown() const {
  std::string text;
  for (std::string_view server : servers) {
    if (!text.empty()) text.push_back(',');
    if (tls && Take("nats://", &server)) text.append("tls://");
    text.append(server);
  }
  return text;
}

absl::StatusOr<NatsAccess> ParseNatsUrls(std::string_view text) {
  NatsAccess access;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view url = text.substr(0, comma);
    while (!url.empty() && std::strchr(" \t\r\n", url.front())) url.remove_prefix(1);
    while (!url.empty() && std::strchr(" \t\r\n", url.back())) url.remove_suffix(1);
    const bool tls = Take("tls://", &url);
    if (tls) {
      access.tls = true;
    } else if (!Take("nats://", &url) && url.find("://") != std::string_view::npos) {
      return BadUrl("a URL begins with neither nats:// nor tls://");
    }
    if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
      absl::Status status = ParseUser(url.substr(0, at), &access);
      if (!status.ok()) return status;
      url.remove_prefix(at + 1);
    }
    if (!url.empty() && url.back() == '/') url.remove_suffix(1);
    auto server = ParseServer(url);
    if (!server.ok()) return server.status();
    access.servers.push_back(*std::move(server));
    if (comma == std::string_view::npos) return access;
    text.remove_prefix(comma + 1);
  }
}

absl::StatusOr<NatsAccess> ReadNatsAccess(const NatsFlags& flags) {
  auto access = ReadUrls(flags);
  if (!access.ok()) return access;
  if (!flags.creds_file.empty()) {
    if (HasSecret(*access)) {
      return absl::FailedPreconditionError(
          "--nats_creds_file and a user or token in the NATS URL exclude each other");
    }
    const auto creds = ReadSecretFile("--nats_creds_file", flags.creds_file);
    if (!creds.ok()) return creds.status();
    if (creds->find("-----BEGIN NATS USER JWT-----") == std::string::npos ||
        creds->find("-----BEGIN USER NKEY SEED-----") == std::string::npos) {
      return absl::FailedPreconditionError(
          fmt::format("--nats_creds_file={}: is not a NATS credentials file (a user's JWT and NKEY "
                      "seed, as nsc writes it)",
                      flags.creds_file));
    }
    access->creds_file = flags.creds_file;
  }
  if (!flags.ca_file.empty()) {
    if (!access->tls) {
      return absl::FailedPreconditionError(
          "--nats_ca is for tls:// URLs; the NATS URL says nats://");
    }
    std::ifstream file(flags.ca_file);
    const std::string pem{std::istreambuf_iterator<char>(file), {}};
    if (!file || pem.find("-----BEGIN ") == std::string::npos) {
      return absl::FailedPreconditionError(fmt::format(
          "--nats_ca={}: cannot be read, or holds no certificate (PEM)", flags.ca_file));
    }
    access->ca_file = flags.ca_file;
  }
  return access;
}

void HideNatsSecrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view value = argv[i];
    while (Take("-", &value)) continue;
    if (!Take("nats_url", &value)) continue;
    const bool has_value = Take("=", &value);
    if (!has_value && (!value.empty() || i + 1 == argc)) continue;
    // The value may stand in the next argument.
    char* const text =
        has_value ? argv[i] + (std::string_view(argv[i]).size() - value.size()) : argv[++i];
    for (char* url = text; *url != '\0';) {
      char* const end = url + std::strcspn(url, ",");
      std::string_view rest(url, static_cast<size_t>(end - url));
      if (!Take("nats://", &rest)) Take("tls://", &rest);
      const size_t at = rest.rfind('@');
      if (at != std::string_view::npos) std::fill_n(url + (rest.data() - url), at, '*');
      url = *end == '\0' ? end : end + 1;
    }
  }
}

}  // namespace channel
