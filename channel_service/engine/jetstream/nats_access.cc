#include "channel_service/engine/jetstream/nats_access.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "channel_service/base/strings.h"

namespace channel {
namespace {

constexpr std::string_view kForm =
    "takes nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ or TOKEN@ before the host if "
    "need be, more of them with commas";
constexpr std::string_view kDefaultPort = "4222";
// A file of URLs or credentials is one page; a larger one is another file.
constexpr size_t kFileBytesMax = 64 << 10;

absl::Status BadUrl(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}; --nats_url {}", why, kForm));
}

// Nothing: a % without two hexadecimal digits, or a zero byte.
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

// HOST[:PORT], the host a name, an IPv4 address, or an IPv6 address in brackets.
absl::StatusOr<std::string> ParseHostAndPort(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  const auto is_address = [](char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
  };
  std::string_view host = text.substr(0, text.rfind(':'));
  std::string_view port = host.size() == text.size() ? kDefaultPort : text.substr(host.size() + 1);
  if (text.substr(0, 1) == "[") {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return BadUrl("a host has [ without ]");
    host = text.substr(0, close + 1);
    std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && !Take(":", &rest)) return BadUrl("something follows the ] of a host");
    port = text.size() == host.size() ? kDefaultPort : rest;
    const std::string_view address = host.substr(1, close - 1);
    if (address.empty() || !std::all_of(address.begin(), address.end(), is_address)) {
      return BadUrl("a host in [ ] is no IPv6 address");
    }
  } else if (host.empty() || !std::all_of(host.begin(), host.end(), is_plain)) {
    return BadUrl("a host is missing, or has a character that none has");
  }
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0) {
    return BadUrl("a port is not a number from 1 to 65535");
  }
  return fmt::format("nats://{}:{}", host, number);
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
    auto server = ParseHostAndPort(url);
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
    // The value may be a word of its own.
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
