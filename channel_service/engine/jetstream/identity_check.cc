#include "channel_service/engine/jetstream/identity_check.h"

#include <memory>

namespace channel {

void IdentityCheck::Start(LogQueryContext& context, SteadyTime until) {
  const std::shared_ptr<IdentityCheck> check(new IdentityCheck(context, until));
  check->AskInfo("", /*known_offset=*/0, [](const StreamInfo&) {});
}

}  // namespace channel
