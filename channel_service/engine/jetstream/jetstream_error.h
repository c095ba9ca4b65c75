// Reasons why a NATS that is there does not do what the log needs, and what an operator can do.
#pragma once

namespace channel {

inline constexpr const char* kNoJetStream =
    "NATS runs without JetStream: start it as `nats-server -js -sd FOLDER`, or write "
    "`jetstream { store_dir: FOLDER }` into its configuration";
inline constexpr const char* kNoJetStreamForAccount =
    "JetStream is not enabled for the NATS account of this user: write `jetstream: enabled` into "
    "the account, in the configuration of the servers";
inline constexpr const char* kNotPermitted =
    "NATS does not permit this user what the log needs: to publish to $JS.API.> and STREAM.log.>, "
    "and to subscribe to STREAM.live.>, _INBOX.> and $JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.>, "
    "where STREAM is --nats_stream";

// Error codes of nats-server (server/errors.json in its repository).
inline constexpr int kJetStreamNotEnabledForAccount = 10039;
inline constexpr int kJetStreamNotEnabled = 10076;

}  // namespace channel
