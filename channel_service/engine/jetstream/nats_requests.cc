#include "channel_service/engine/jetstream/nats_requests.h"

#include <charconv>
#include <utility>

namespace channel {

NatsRequests::NatsRequests(NatsConnection& link, const Clock& clock, std::string inbox)
    : link_(link), clock_(clock), prefix_(std::move(inbox) + ".") {
  link_.Subscribe(prefix_ + "*");
}

void NatsRequests::Ask(std::string subject, std::string data, Done done, std::string message_id,
                       SteadyTime::duration wait) {
  const uint64_t token = ++last_token_;
  asked_.emplace(token, std::move(done));
  deadlines_.emplace(clock_.Now() + wait, token);
  link_.Publish(std::move(subject), prefix_ + std::to_string(token), std::move(message_id),
                std::move(data));
}

bool NatsRequests::OnMessage(const NatsMessage& message) {
  const std::string_view subject = message.subject();
  if (subject.substr(0, prefix_.size()) != prefix_) return false;
  uint64_t token = 0;
  std::from_chars(subject.data() + prefix_.size(), subject.data() + subject.size(), token);
  const auto found = asked_.find(token);
  if (found == asked_.end()) return true;
  Done done = std::move(found->second);
  asked_.erase(found);
  done(&message);
  return true;
}

void NatsRequests::OnTick() {
  const SteadyTime now = clock_.Now();
  while (!deadlines_.empty() && deadlines_.top().first <= now) {
    const auto found = asked_.find(deadlines_.top().second);
    deadlines_.pop();
    if (found == asked_.end()) continue;
    Done done = std::move(found->second);
    asked_.erase(found);
    done(nullptr);
  }
}

void NatsRequests::FailAll() {
  deadlines_ = {};
  auto failed = std::exchange(asked_, {});
  for (auto& [token, done] : failed) done(nullptr);
}

}  // namespace channel
