// Reads SubscribeResponse messages without building objects, so that a client with many
// subscriptions costs less than the service that it measures.
#pragma once

#include <cstdint>
#include <string_view>

namespace channel::bench {

// Finds fields in bytes of the protobuf wire format
// (https://protobuf.dev/programming-guides/encoding). `valid()` turns false on anything malformed.
class FieldScan {
 public:
  explicit FieldScan(std::string_view bytes) : rest_(bytes) {}

  // Goes to the next field; false at the end.
  bool Next() {
    if (rest_.empty() || !valid_) return false;
    const uint64_t tag = Varint();
    number_ = static_cast<uint32_t>(tag >> 3);
    value_ = {};
    switch (tag & 7) {
      case 0:
        Varint();
        break;
      case 1:
        Take(8);
        break;
      case 2:
        Take(Varint());
        break;
      case 5:
        Take(4);
        break;
      default:
        valid_ = false;
    }
    return valid_;
  }

  uint32_t number() const { return number_; }
  std::string_view value() const { return value_; }  // of a length-delimited field
  bool valid() const { return valid_; }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    valid_ = false;
    return 0;
  }

  void Take(uint64_t bytes) {
    if (bytes > rest_.size()) {
      valid_ = false;
      return;
    }
    value_ = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }

  std::string_view rest_;
  std::string_view value_;
  uint32_t number_ = 0;
  bool valid_ = true;
};

}  // namespace channel::bench
