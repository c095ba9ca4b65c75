#include "channel_service/engine/jetstream/head_query.h"

#include <memory>
#include <utility>

namespace channel {

HeadQuery::HeadQuery(LogQueryContext& context, std::string subject, SteadyTime until, Done done)
    : LogQuery(context, until), subject_(std::move(subject)), done_(std::move(done)) {}

void HeadQuery::Start(LogQueryContext& context, std::string subject, SteadyTime until, Done done) {
  const std::shared_ptr<HeadQuery> query(
      new HeadQuery(context, std::move(subject), until, std::move(done)));
  query->AskLast();
}

void HeadQuery::AskLast() {
  if (context().stopped) {
    OnUnavailable();
    return;
  }
  context().api.GetLast(subject_, [this, self = shared_from_this()](const StoredMessage* last) {
    if (last == nullptr) {
      Retry([this] { AskLast(); });
    } else if (last->sequence != 0) {
      context().Saw(last->sequence);
      done_(LogHead{.held = true, .offset = last->sequence});
    } else {
      AskNewest();
    }
  });
}

void HeadQuery::AskNewest() {
  // The count of the group comes with the stream's last sequence: a publication may have been
  // stored since the answer before.
  AskInfo(subject_, /*known_offset=*/0, [this](const StreamInfo& info) {
    if (info.subject_messages != 0) {
      Retry([this] { AskLast(); });
    } else {
      done_(LogHead{.held = false, .offset = info.last_sequence});
    }
  });
}

}  // namespace channel
