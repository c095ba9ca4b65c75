#include "ws_edge/net/connection_places.h"

#include <spdlog/fmt/fmt.h>

namespace edge {

using channel::AddressOf;

namespace {

constexpr const char* kFull = "this edge is full";
constexpr const char* kTooManySilent =
    "too many connections of this address have not sent anything yet";

}  // namespace

const char* ConnectionPlaces::WhyNoRequest(const Endpoint& peer) const {
  if (sessions_ + requests() >= limits_.connections_max + kRefusalsMax) return kFull;
  return waiting_->shares.MayTake(AddressOf(peer), heard()) ? nullptr : kTooManySilent;
}

std::shared_ptr<void> ConnectionPlaces::TakeForRequest(const Endpoint& peer) {
  waiting_->shares.Add(AddressOf(peer));
  ++waiting_->requests;
  return {waiting_.get(), [waiting = waiting_, address = AddressOf(peer)](void*) {
            waiting->shares.Give(address);
            --waiting->requests;
          }};
}

std::string ConnectionPlaces::WhyNoSession(const Endpoint& client) const {
  if (sessions_ >= limits_.connections_max) return kFull;
  if (!waiting_->shares.MayTake(AddressOf(client), heard())) {
    return kTooManySilent;
  }
  if (limits_.connections_per_address_max == 0) return {};
  const auto found = sessions_of_.find(AddressOf(client));
  if (found == sessions_of_.end() || found->second < limits_.connections_per_address_max) return {};
  return fmt::format("{} connections of this address are open; more are not allowed here",
                     found->second);
}

void ConnectionPlaces::OnSessionOpened(const Endpoint& client) {
  ++sessions_;
  waiting_->shares.Add(AddressOf(client));
  if (limits_.connections_per_address_max > 0) ++sessions_of_[AddressOf(client)];
}

void ConnectionPlaces::OnSessionHeard(const Endpoint& client) {
  waiting_->shares.Give(AddressOf(client));
}

void ConnectionPlaces::OnSessionOver(const Endpoint& client, bool heard) {
  --sessions_;
  if (!heard) waiting_->shares.Give(AddressOf(client));
  const auto found = sessions_of_.find(AddressOf(client));
  if (found != sessions_of_.end() && --found->second == 0) sessions_of_.erase(found);
}

}  // namespace edge
