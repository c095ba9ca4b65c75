#include "channel_service/engine/jetstream/nats_requests.h"

#include <charconv>
#include <utility>

namespace channel {

NatsRequests::NatsRequests(NatsConnection& connection, const Clock& clock, std::string inbox)
    : connection_(connection), clock_(clock), prefix_(std::move(inbox) + ".") {
  connection_.Subscribe(prefix_ + "*");
}

void NatsRequests::Send(std::string subject, std::string data, Done done, std::string message_id,
                        SteadyTime::duration wait) {
  const uint64_t number = ++last_number_;
  waiting_.emplace(number, std::move(done));
  deadlines_.emplace(clock_.Now() + wait, number);
  connection_.Publish(std::move(subject), prefix_ + std::to_string(number), std::move(message_id),
                      std::move(data));
}

bool NatsRequests::OnMessage(const NatsMessage& message) {
  const std::string_view subject = message.subject();
  if (subject.substr(0, prefix_.size()) != prefix_) return false;
  uint64_t number = 0;
  std::from_chars(subject.data() + prefix_.size(), subject.data() + subject.size(), number);
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return true;
  Done done = std::move(found->second);
  waiting_.erase(found);
  done(&message);
  return true;
}

void NatsRequests::OnTick() {
  const SteadyTime now = clock_.Now();
  while (!deadlines_.empty() && deadlines_.top().first <= now) {
    const auto found = waiting_.find(deadlines_.top().second);
    deadlines_.pop();
    if (found == waiting_.end()) continue;
    Done done = std::move(found->second);
    waiting_.erase(found);
    done(nullptr);
  }
}

void NatsRequests::FailAll() {
  deadlines_ = {};
  auto failed = std::exchange(waiting_, {});
  for (auto& [number, done] : failed) done(nullptr);
}

}  // namespace channel
