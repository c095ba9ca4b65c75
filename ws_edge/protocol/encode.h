// What an edge says to its clients, encoded once as frames.
#pragma once

#include <string_view>

#include "channel/v1/channel.pb.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/command.h"

namespace edge {

// A publication in the plain dialect: the bare message, a text frame or (for `data`) a binary one.
FramePtr EncodePlain(const channel::v1::Publication& publication);

// {"event":"error","code":"…","message":"…"}
FramePtr EncodeError(ErrorCode code, std::string_view message);

}  // namespace edge
