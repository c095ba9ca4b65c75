#include "ws_edge/protocol/encode.h"

#include <boost/json.hpp>

namespace edge {

namespace json = boost::json;

FramePtr EncodePlain(const channel::v1::Publication& publication) {
  if (publication.has_data()) return Frame::Encode(Opcode::kBinary, publication.data());
  return Frame::Encode(Opcode::kText, publication.message());
}

FramePtr EncodeError(ErrorCode code, std::string_view message) {
  const json::object error = {{"event", "error"},
                              {"code", ToString(code)},
                              {"message", json::string_view(message.data(), message.size())}};
  return Frame::Encode(Opcode::kText, json::serialize(error));
}

}  // namespace edge
