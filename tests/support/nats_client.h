#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

// How a test makes a stream: as the channel service does, but for what the test changes.
struct NatsStream {
  std::string name;
  std::string description = "The log of the channel service, epoch other";
  std::string subject = name + ".log.>";
  bool republishes = true;
  bool allows_direct = true;
  bool in_memory = false;
  std::int64_t per_subject_max = 256;
  std::int64_t age_max_ms = 0;  // 0 = without end
};

// An administrator or a stranger: makes streams, and writes into them what is no publication.
// Waits; what does not work is a TestFailure.
class NatsClient {
 public:
  explicit NatsClient(const std::string& url);
  ~NatsClient();
  NatsClient(const NatsClient&) = delete;
  NatsClient& operator=(const NatsClient&) = delete;

  void MakeStream(const NatsStream& stream);
  void RemoveStream(const std::string& name);
  // Drops all that the stream holds.
  void PurgeStream(const std::string& name);
  // Stores; returns the sequence.
  std::uint64_t Publish(const std::string& subject, std::string_view data,
                        const std::vector<std::pair<std::string, std::string>>& headers = {});
  std::uint64_t LastSequence(const std::string& stream);
  bool IsInMemory(const std::string& stream);

  // Counts what is said on a subject from now on. Once.
  void Watch(const std::string& subject);
  int Watched() const;

 private:
  jsStreamInfo* Info(const std::string& stream);

  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
  natsSubscription* watch_ = nullptr;
};

}  // namespace support
