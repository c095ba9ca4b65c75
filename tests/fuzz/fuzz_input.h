// The bytes of a fuzzer as choices. A random test gives random bytes, so that both run the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

class FuzzInput {
 public:
  explicit FuzzInput(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return at_ == bytes_.size(); }
  // The next byte; 0 when there are no more.
  uint8_t Byte() { return empty() ? 0 : static_cast<uint8_t>(bytes_[at_++]); }
  // 0 … bound - 1, for a bound of at most 256.
  size_t Below(size_t bound) { return Byte() % bound; }
  bool Chance(size_t one_in) { return Below(one_in) == 0; }
  // All that is left.
  std::string_view Rest() {
    const std::string_view rest = bytes_.substr(at_);
    at_ = bytes_.size();
    return rest;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// A promise of the product is broken: says which, and aborts, as fuzzers want it.
[[noreturn]] void Fail(std::string_view what);

}  // namespace fuzz
