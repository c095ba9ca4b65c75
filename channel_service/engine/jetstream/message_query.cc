#include "channel_service/engine/jetstream/message_query.h"

#include <memory>
#include <utility>

namespace channel {

MessageQuery::MessageQuery(LogQueryContext& context, uint64_t offset, SteadyTime until, Done done)
    : LogQuery(context, until), offset_(offset), done_(std::move(done)) {}

void MessageQuery::Start(LogQueryContext& context, uint64_t offset, SteadyTime until, Done done) {
  const std::shared_ptr<MessageQuery> query(
      new MessageQuery(context, offset, until, std::move(done)));
  query->Ask();
}

void MessageQuery::Ask() {
  if (!HasTime()) {
    OnUnavailable();
    return;
  }
  const auto on_message = [this, self = shared_from_this()](const StoredMessage* message) {
    if (message == nullptr) {
      Retry([this] { Ask(); });
    } else if (message->sequence == 0) {
      done_({.available = true});
    } else {
      done_({.available = true, .content = std::string(message->data)});
    }
  };
  context().api.GetMessage(offset_, until() - context().clock.Now(), on_message);
}

}  // namespace channel
