// A publication before it has a position, and positions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace channel {

enum class BodyKind : uint8_t {
  kText,  // proto field `message`; valid UTF-8
  kJson,  // the same with `json`; valid JSON
  kData,  // proto field `data`; any bytes
};

// Views into a request, valid as long as it is.
struct PublishInput {
  std::string_view group_id;
  BodyKind kind = BodyKind::kText;
  std::string_view body;
  std::string_view key;        // idempotency key, empty = none
  std::string_view publisher;  // with `sequence`, empty = none
  uint64_t sequence = 0;       // the publisher's counter, 0 = none
  uint64_t owner = 0;          // whose the publisher is: no owner's names push out another's
};

// A place in the log. Offsets of different epochs cannot be compared. An empty epoch = no position.
struct StreamPosition {
  std::string epoch;
  uint64_t offset = 0;
};

// Where a subscription begins: after a position, or with the newest `last` publications, or now.
struct SubscribeFrom {
  std::optional<StreamPosition> since = std::nullopt;
  uint32_t last = 0;
};

}  // namespace channel
