#include "channel_service/engine/jetstream/log_stream.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <thread>

#include "channel_service/engine/jetstream/jetstream_error.h"
#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/model/epoch.h"

namespace channel {
namespace {

constexpr std::chrono::milliseconds kPause{200};
constexpr int64_t kRequestMs = 2000;

struct InfoDeleter {
  void operator()(jsStreamInfo* info) const { jsStreamInfo_Destroy(info); }
};
using InfoPtr = std::unique_ptr<jsStreamInfo, InfoDeleter>;

struct ContextDeleter {
  void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
};

constexpr std::string_view kDescription = "The log of the channel service, epoch ";
constexpr size_t kEpochLength = 12;  // 60 bits

// The node that makes the stream names its epoch, so that two nodes that make it at the same time
// cannot mean two. (The time of its creation, that NATS knows too, changes in the first moments of
// a cluster.)
std::string MakeDescription() {
  constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz023456789";
  std::random_device random;
  std::string description(kDescription);
  for (size_t i = 0; i < kEpochLength; ++i) description.push_back(kAlphabet[random() & 31]);
  return description;
}

int64_t Nanoseconds(std::chrono::nanoseconds time) { return time.count(); }

absl::Status Unusable(const StreamConfig& settings, std::string_view why) {
  return absl::FailedPreconditionError(
      fmt::format("stream {} is there, but {}; it is left alone. Name another with --nats_stream, "
                  "or remove it",
                  settings.name, why));
}

absl::StatusOr<LogStream> CheckStream(const jsStreamInfo& info, const StreamConfig& settings) {
  const jsStreamConfig& is = *info.Config;
  const std::string log = settings.name + ".log.>";
  const std::string live = settings.name + ".live.>";
  if (is.SubjectsLen != 1 || is.Subjects[0] != log) {
    return Unusable(settings, "its subjects are not " + log);
  }
  if (is.RePublish == nullptr || is.RePublish->Destination != live || is.RePublish->HeadersOnly) {
    return Unusable(settings, "it does not republish to " + live);
  }
  if (!is.AllowDirect) return Unusable(settings, "it does not allow direct gets");
  if (is.Storage != js_FileStorage) return Unusable(settings, "it is not on disk");
  if (is.Retention != js_LimitsPolicy || is.Discard != js_DiscardOld) {
    return Unusable(settings, "it does not drop the oldest publications");
  }
  const auto warn = [&](std::string_view what, int64_t there, int64_t wanted) {
    if (there == wanted) return;
    spdlog::warn("stream {} has {} {}, not {} as asked for; it is left alone", settings.name, what,
                 there, wanted);
  };
  warn("replicas", is.Replicas, settings.replicas);
  warn("max messages per subject", is.MaxMsgsPerSubject, settings.publications_per_group_max);
  warn("max bytes", is.MaxBytes, settings.bytes_max);
  warn("max age (ns)", is.MaxAge, Nanoseconds(settings.age_max));
  warn("duplicate window (ns)", is.Duplicates, Nanoseconds(settings.dedup_window));
  const std::string description = is.Description == nullptr ? "" : is.Description;
  const auto epoch = EpochIn(description);
  if (!epoch.has_value()) return Unusable(settings, "its description names no epoch");
  return LogStream{*epoch, is.MaxMsgsPerSubject};
}

natsStatus MakeStream(jsStreamInfo** info, jsCtx* context, const StreamConfig& settings,
                      jsErrCode* error) {
  const std::string log = settings.name + ".log.>";
  const std::string live = settings.name + ".live.>";
  std::array<const char*, 1> subjects = {log.c_str()};
  jsRePublish republish;
  jsRePublish_Init(&republish);
  republish.Source = log.c_str();
  republish.Destination = live.c_str();
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = settings.name.c_str();
  const std::string description = MakeDescription();
  config.Description = description.c_str();
  config.Subjects = subjects.data();
  config.SubjectsLen = static_cast<int>(subjects.size());
  config.Storage = js_FileStorage;
  config.Discard = js_DiscardOld;
  config.Replicas = settings.replicas;
  config.MaxMsgsPerSubject = settings.publications_per_group_max;
  config.MaxBytes = settings.bytes_max;
  config.MaxAge = Nanoseconds(settings.age_max);
  config.Duplicates = Nanoseconds(settings.dedup_window);
  config.AllowDirect = true;
  config.RePublish = &republish;
  return js_AddStream(info, context, &config, nullptr, error);
}

// Nothing: it may come still.
const char* WhyNoJetStream(natsConnection* connection, jsCtx* context, natsStatus status,
                           jsErrCode error) {
  const char* text = nullptr;
  if (natsConnection_GetLastError(connection, &text) == NATS_NOT_PERMITTED) return kNotPermitted;
  if (status == NATS_NO_RESPONDERS) {
    // An account without JetStream has nobody who answers for streams, but somebody who says why.
    jsAccountInfo* info = nullptr;
    error = static_cast<jsErrCode>(0);
    status = js_GetAccountInfo(&info, context, nullptr, &error);
    jsAccountInfo_Destroy(info);
    if (status == NATS_NO_RESPONDERS) return kNoJetStream;
  }
  if (static_cast<int>(error) == kJetStreamNotEnabled) return kNoJetStream;
  if (static_cast<int>(error) == kJetStreamNotEnabledForAccount) return kNoJetStreamForAccount;
  return nullptr;
}

}  // namespace

std::optional<std::string> EpochIn(std::string_view description) {
  if (description.substr(0, kDescription.size()) != kDescription) return std::nullopt;
  const std::string_view epoch = description.substr(kDescription.size());
  if (!IsEpoch(epoch)) return std::nullopt;
  return std::string(epoch);
}

absl::Status StreamConfig::Check() const {
  const bool plain = std::all_of(name.begin(), name.end(), IsTokenCharacter);
  if (name.empty() || name.size() > 32 || !plain) {
    return absl::InvalidArgumentError("--nats_stream takes 1 to 32 letters, digits, - and _");
  }
  if (replicas != 1 && replicas != 3 && replicas != 5) {
    return absl::InvalidArgumentError("--nats_replicas takes 1, 3 or 5");
  }
  if (bytes_max < 1 << 20) {
    return absl::InvalidArgumentError("--nats_bytes_max must be at least 1 MiB");
  }
  if (dedup_window < std::chrono::minutes(2)) {
    return absl::InvalidArgumentError(
        "--dedup_window must be at least 2m with --engine=nats: edges send again within it");
  }
  if (age_max < dedup_window) {
    return absl::InvalidArgumentError("--nats_age_max must be at least --dedup_window");
  }
  return absl::OkStatus();
}

absl::StatusOr<LogStream> OpenLogStream(natsConnection* connection, const StreamConfig& settings,
                                        std::chrono::milliseconds patience) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = kRequestMs;
  jsCtx* raw_context = nullptr;
  if (natsConnection_JetStream(&raw_context, connection, &options) != NATS_OK) {
    return absl::UnavailableError("no memory for a JetStream context");
  }
  const std::unique_ptr<jsCtx, ContextDeleter> context(raw_context);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (bool told = false; true; told = true) {
    jsStreamInfo* raw_info = nullptr;
    auto error = static_cast<jsErrCode>(0);
    natsStatus status =
        js_GetStreamInfo(&raw_info, context.get(), settings.name.c_str(), nullptr, &error);
    if (status == NATS_NOT_FOUND) {
      // Another node may make it at the same time: with the same settings that is no error.
      status = MakeStream(&raw_info, context.get(), settings, &error);
      if (status == NATS_OK) spdlog::info("stream {} was made", settings.name);
    }
    const InfoPtr info(raw_info);
    if (status == NATS_OK) return CheckStream(*info, settings);
    const std::string said =
        fmt::format("{} (error {})", nats_GetLastError(nullptr), static_cast<int>(error));
    const char* const reason = WhyNoJetStream(connection, context.get(), status, error);
    const std::string why = reason != nullptr ? reason : said;
    if (!told) spdlog::warn("waiting for stream {}: {}", settings.name, why);
    if (std::chrono::steady_clock::now() + kPause > deadline) {
      return absl::UnavailableError(
          reason != nullptr
              ? why
              : fmt::format("JetStream does not give stream {}: {}", settings.name, why));
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace channel
