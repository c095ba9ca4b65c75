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

// The node that makes the stream names its epoch: of two nodes that make it at the same time, the
// second finds the first's. (NATS knows the time of its creation, but changes it in the first
// moments of a cluster.)
std::string MakeDescription() {
  constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz023456789";
  std::random_device random;
  std::string description(kDescription);
  for (size_t i = 0; i < kEpochLength; ++i) description.push_back(kAlphabet[random() & 31]);
  return description;
}

int64_t Nanoseconds(std::chrono::nanoseconds time) { return time.count(); }

absl::Status Unusable(const StreamConfig& config, std::string_view why) {
  return absl::FailedPreconditionError(
      fmt::format("stream {} is there, but {}; it is left alone. Name another with --nats_stream, "
                  "or remove it",
                  config.name, why));
}

absl::StatusOr<LogStream> CheckStream(const jsStreamInfo& info, const StreamConfig& config) {
  const jsStreamConfig& is = *info.Config;
  const std::string log = config.name + ".log.>";
  const std::string live = config.name + ".live.>";
  if (is.SubjectsLen != 1 || is.Subjects[0] != log) {
    return Unusable(config, "its subjects are not " + log);
  }
  if (is.RePublish == nullptr || is.RePublish->Destination != live || is.RePublish->HeadersOnly) {
    return Unusable(config, "it does not republish to " + live);
  }
  if (!is.AllowDirect) return Unusable(config, "it does not allow direct gets");
  if (is.Storage != js_FileStorage) return Unusable(config, "it is not on disk");
  if (is.Retention != js_LimitsPolicy || is.Discard != js_DiscardOld) {
    return Unusable(config, "it does not drop the oldest publications");
  }
  const auto warn = [&](std::string_view what, int64_t there, int64_t wanted) {
    if (there == wanted) return;
    spdlog::warn("stream {} has {} {}, not {} as asked for; it is left alone", config.name, what,
                 there, wanted);
  };
  warn("replicas", is.Replicas, config.replicas);
  warn("max messages per subject", is.MaxMsgsPerSubject, config.publications_per_group_max);
  warn("max bytes", is.MaxBytes, config.bytes_max);
  warn("max age (ns)", is.MaxAge, Nanoseconds(config.age_max));
  warn("duplicate window (ns)", is.Duplicates, Nanoseconds(config.dedup_window));
  const std::string description = is.Description == nullptr ? "" : is.Description;
  const auto epoch = EpochIn(description);
  if (!epoch.has_value()) return Unusable(config, "its description names no epoch");
  const auto dedup_window = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::nanoseconds(is.Duplicates));
  return LogStream{*epoch, is.MaxMsgsPerSubject, dedup_window};
}

natsStatus MakeStream(jsStreamInfo** info, jsCtx* context, const StreamConfig& config,
                      jsErrCode* error) {
  const std::string log = config.name + ".log.>";
  const std::string live = config.name + ".live.>";
  std::array<const char*, 1> subjects = {log.c_str()};
  jsRePublish republish;
  jsRePublish_Init(&republish);
  republish.Source = log.c_str();
  republish.Destination = live.c_str();
  jsStreamConfig made;
  jsStreamConfig_Init(&made);
  made.Name = config.name.c_str();
  const std::string description = MakeDescription();
  made.Description = description.c_str();
  made.Subjects = subjects.data();
  made.SubjectsLen = static_cast<int>(subjects.size());
  made.Storage = js_FileStorage;
  made.Discard = js_DiscardOld;
  made.Replicas = config.replicas;
  made.MaxMsgsPerSubject = config.publications_per_group_max;
  made.MaxBytes = config.bytes_max;
  made.MaxAge = Nanoseconds(config.age_max);
  made.Duplicates = Nanoseconds(config.dedup_window);
  made.AllowDirect = true;
  made.RePublish = &republish;
  return js_AddStream(info, context, &made, nullptr, error);
}

// As long as the stream has its first message, age and size have dropped nothing: a reader can be
// told that nothing is missing. Without it readers hear of a gap where nobody knows.
void StoreFirst(jsCtx* context, const StreamConfig& config) {
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MsgId = "first";  // of two nodes that make the stream one stores it
  const std::string subject = FirstSubject(config.name);
  const natsStatus status = js_Publish(nullptr, context, subject.c_str(), "", 0, &options, nullptr);
  if (status != NATS_OK) {
    spdlog::warn("stream {} does not begin with the message that it should: {}", config.name,
                 natsStatus_GetText(status));
  }
}

// Why JetStream is not there, for an operator; null if it may still come.
const char* WhyNoJetStream(natsConnection* connection, jsCtx* context, natsStatus status,
                           jsErrCode error) {
  const char* text = nullptr;
  if (natsConnection_GetLastError(connection, &text) == NATS_NOT_PERMITTED) return kNotPermitted;
  if (status == NATS_NO_RESPONDERS) {
    // For an account without JetStream nobody answers requests for streams, but $JS.API.INFO says
    // why.
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

absl::StatusOr<LogStream> OpenLogStream(natsConnection* connection, const StreamConfig& config,
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
        js_GetStreamInfo(&raw_info, context.get(), config.name.c_str(), nullptr, &error);
    if (status == NATS_NOT_FOUND) {
      // Another node may make it at the same time: with the same settings that is no error.
      status = MakeStream(&raw_info, context.get(), config, &error);
      if (status == NATS_OK) {
        spdlog::info("stream {} was made", config.name);
        StoreFirst(context.get(), config);
      }
    }
    const InfoPtr info(raw_info);
    if (status == NATS_OK) return CheckStream(*info, config);
    const std::string said =
        fmt::format("{} (error {})", nats_GetLastError(nullptr), static_cast<int>(error));
    const char* const reason = WhyNoJetStream(connection, context.get(), status, error);
    const std::string why = reason != nullptr ? reason : said;
    if (!told) spdlog::warn("waiting for stream {}: {}", config.name, why);
    if (std::chrono::steady_clock::now() + kPause > deadline) {
      return absl::UnavailableError(
          reason != nullptr
              ? why
              : fmt::format("JetStream does not give stream {}: {}", config.name, why));
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace channel
