#include "tests/bench/load/dialect.h"

#include <charconv>

namespace channel::bench {

void AppendPublishHead(Dialect dialect, std::string_view group, uint32_t bytes,
                       ClientFrame& frame) {
  switch (dialect) {
    case Dialect::kChannel:
      frame.Append(R"({"cmd":"send_to_group","group_id":")");
      frame.Append(group);
      return frame.Append(R"(","message":")");
    case Dialect::kSocketIo:
      frame.Append(R"(42["send",")");
      frame.Append(group);
      return frame.Append(R"(",")");
    case Dialect::kNats: {
      frame.Append("PUB ");
      frame.Append(group);
      char digits[12] = " ";
      const char* const end = std::to_chars(digits + 1, digits + sizeof digits, bytes).ptr;
      frame.Append(std::string_view(digits, static_cast<size_t>(end - digits)));
      return frame.Append("\r\n");
    }
    case Dialect::kRaw:
      return;
  }
}

}  // namespace channel::bench
