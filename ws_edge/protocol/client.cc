#include "ws_edge/protocol/client.h"

#include "ws_edge/protocol/encode.h"

namespace edge {

void Client::SendError(ErrorCode code, std::string_view message, std::string_view command_id,
                       std::string_view group_id) {
  Deliver(MakeError(code, message, command_id, group_id));
}

FramePtr Client::MakeError(ErrorCode code, std::string_view message, std::string_view command_id,
                           std::string_view group_id) {
  metrics_.Errors(ToString(code)).Increment();
  return dialect_ == Dialect::kPlain ? EncodePlainError(code, message)
                                     : EncodeError(command_id, group_id, code, message);
}

}  // namespace edge
