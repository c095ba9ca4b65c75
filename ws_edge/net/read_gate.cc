#include "ws_edge/net/read_gate.h"

#include <utility>

#include "channel_service/base/check.h"

namespace edge {
namespace {

// Cost of a frame beside the command that it may be the end of.
constexpr double kFrameCommands = 1.0 / 16;

}  // namespace

bool ReadGate::open() {
  if (!InDebt(read_at_)) return true;  // asks the clock only if it matters
  read_at_ = clock_.Now();
  return !InDebt(read_at_);
}

void ReadGate::Hold(Read read) {
  CHANNEL_CHECK(!held());
  if (over_ == nullptr) over_ = std::make_unique<Over>(Over{clock_.Now(), nullptr});
  over_->read = std::move(read);
  observer_.OnReadHeld();
}

void ReadGate::Charge(const FrameMeter::Passed& passed, size_t bytes, bool read_all) {
  read_at_ = clock_.Now();
  // A control frame makes an answer, as a command does.
  ChargeCommands(static_cast<double>(passed.messages + passed.controls) +
                 static_cast<double>(passed.frames) * kFrameCommands);
  bytes_.Take(static_cast<double>(bytes), limits_.bytes, read_at_);
  if (over_ != nullptr && read_all && !InDebt(read_at_)) over_.reset();
  if (meter_.incomplete()) {
    if (!incomplete_told_ || passed.messages > 0) observer_.OnMessageIncomplete(true);
    incomplete_told_ = true;
  } else if (std::exchange(incomplete_told_, false)) {
    observer_.OnMessageIncomplete(false);
  }
}

std::chrono::milliseconds ReadGate::over_for() const {
  if (over_ == nullptr) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - over_->since);
}

void ReadGate::TryGoOn() {
  if (held() && open()) Release(/*aborted=*/false);
}

void ReadGate::Release(bool aborted) {
  if (!held()) return;
  std::exchange(over_->read, nullptr)(aborted);
}

void ReadGate::Forgive() {
  commands_.Fill();
  bytes_.Fill();
  TryGoOn();
  over_.reset();
}

}  // namespace edge
