// A client's place in a group, and what events mean there: proto/websocket.md, sections 7 and 8.
#pragma once

#include <cstdint>
#include <optional>

namespace support {

enum class Arrival { kNext, kDuplicate, kHole, kOtherEpoch };

// `Position` is a pair of an epoch and an offset.
template <class Position>
class ResumeModel {
 public:
  const std::optional<Position>& position() const { return position_; }
  // The next event of the group must be the gap that an answer has promised.
  bool gap_due() const { return gap_due_; }

  void MoveTo(const Position& position) { position_ = position; }
  // The connection is lost; the next answer will promise the gap again.
  void ForgetGap() { gap_due_ = false; }

  // The answer to a join since the position. Returns false if it contradicts itself.
  bool OnResumed(const Position& head, bool recovered) {
    gap_due_ = !recovered;
    return !recovered || head.epoch == position_->epoch;
  }

  // Only the next message moves the position.
  Arrival OnMessage(const Position& at, std::uint64_t previous) {
    if (at.epoch != position_->epoch) return Arrival::kOtherEpoch;
    if (at.offset <= position_->offset) return Arrival::kDuplicate;
    if (previous > position_->offset) return Arrival::kHole;
    position_ = at;
    return Arrival::kNext;
  }

  // Returns false if the gap is no news. `back`: it may end before the position (reason
  // `position`).
  bool OnGap(const Position& before, bool back) {
    gap_due_ = false;
    const Position end{before.epoch, before.offset - (before.offset == 0 ? 0 : 1)};
    if (!back && end.epoch == position_->epoch && end.offset < position_->offset) return false;
    position_ = end;
    return true;
  }

 private:
  std::optional<Position> position_;
  bool gap_due_ = false;
};

}  // namespace support
