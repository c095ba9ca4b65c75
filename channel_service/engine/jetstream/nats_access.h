// The addresses of a NATS cluster, and the secrets that open it.
//
// Values, which main makes once. Secrets come from files or from a URL; only `shown` is printed,
// which has none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace channel {

struct NatsAccess {
  std::vector<std::string> servers;  // nats://HOST:PORT, at least one
  bool tls = false;                  // a URL says tls://
  std::string user = {};             // decoded; with `password`
  std::string password = {};
  std::string token = {};       // decoded; instead of a user
  std::string creds_file = {};  // of NATS's own format: a user's JWT and seed; instead of both
  std::string ca_file = {};     // certificates that sign the servers'; empty: the system's

  // The addresses, for people.
  std::string shown() const;
};

// The values of the flags; each may be empty.
struct NatsFlags {
  std::string url = {};         // --nats_url
  std::string url_file = {};    // --nats_url_file
  std::string creds_file = {};  // --nats_creds_file
  std::string ca_file = {};     // --nats_ca
};

// INVALID_ARGUMENT: --nats_url is not of its form. FAILED_PRECONDITION: a file is missing, empty or
// bad, or two flags contradict each other. Both name the flag, and hold no secret. Warns of secrets
// that others can read.
absl::StatusOr<NatsAccess> ReadNatsAccess(const NatsFlags& flags);

// URLs with commas: [nats://|tls://][USER:PASSWORD@|TOKEN@]HOST[:PORT], user, password and token
// with %XX for what a URL cannot hold. All servers take the same user or token.
absl::StatusOr<NatsAccess> ParseNatsUrls(std::string_view text);

// Overwrites the user, password or token of each --nats_url in a command line, which `ps` shows to
// everybody. To be called after the flags were parsed.
void HideNatsSecrets(int argc, char** argv);

}  // namespace channel
