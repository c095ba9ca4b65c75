#include "tests/faults/grpc_publisher.h"

#include <chrono>
#include <utility>

#include "tests/support/service_client.h"

namespace faults {
namespace {

constexpr support::Duration kAttempt{2'000};
constexpr std::chrono::seconds kLastPatience{20};

bool MayBeRetried(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::DEADLINE_EXCEEDED;
}

}  // namespace

GrpcPublisher::GrpcPublisher(GrpcPublisherOptions options, PublicationLogs& publications,
                             EpochNumbers& epochs)
    : options_(std::move(options)),
      publications_(publications),
      epochs_(epochs),
      random_(options_.seed),
      thread_([this] { Run(); }) {}

void GrpcPublisher::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void GrpcPublisher::Run() {
  std::vector<support::ServiceClient> services(options_.services.begin(), options_.services.end());
  std::size_t used = 0;
  const std::chrono::nanoseconds interval(static_cast<std::int64_t>(1e9 / options_.per_second));
  support::Deadline next = support::Clock::now();
  for (std::uint32_t number = 1; !stopping_; ++number) {
    const MessageId id{options_.sender, number};
    channel::v1::PublishRequest request;
    request.set_group_id(options_.groups[random_() % options_.groups.size()]);
    request.set_message(BodyOf(id));
    request.set_key(std::to_string(random_()) + "-" + std::to_string(random_()));
    publications_.OnSent(id, request.group_id());
    const support::Deadline give_up = support::After(kLastPatience);
    while (true) {
      const auto answer = services[used].Publish(request, kAttempt);
      if (answer.ok()) {
        const channel::v1::StreamPosition& position = answer.response.position();
        publications_.OnAcknowledged(id, {epochs_.NumberOf(position.epoch()), position.offset()},
                                     answer.response.duplicate());
        break;
      }
      if (!MayBeRetried(answer.status.error_code())) {
        refusals_.push_back(answer.status.error_message());
        break;
      }
      if (stopping_ && support::Clock::now() > give_up) break;
      used = (used + 1) % services.size();
    }
    next = std::max(next + interval, support::Clock::now());
    std::this_thread::sleep_until(next);
  }
}

}  // namespace faults
