// The way to the channel service, as groups and router see it.
#pragma once

#include <cstdint>
#include <string_view>

#include "channel_service/model/publication.h"

namespace edge {

class Upstream {
 public:
  // The confirmation comes back with `tag`. A group that is held already is asked for again, in
  // place of the subscription before.
  virtual void Subscribe(std::string_view group_id, uint64_t tag, channel::SubscribeFrom from) = 0;
  virtual void Unsubscribe(std::string_view group_id) = 0;
  // The answer comes back with `token`. False: the queue of publications is full, none will come.
  [[nodiscard]] virtual bool Publish(const channel::PublishInput& input, uint64_t token) = 0;

 protected:
  ~Upstream() = default;
};

}  // namespace edge
