// The answers of one PublishStream: those that are due, and those that are known and may go out.
//
// In the order of the publications; or, if the client asked for it, as soon as they are known, each
// with its sequence, so that a slow group holds up no other. Loop thread only. The caller bounds
// them (kStreamAnswersMax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/status/status.h"
#include "channel_service/engine/engine.h"

namespace channel {

class PublishAnswers {
 public:
  struct Answer {
    bool known = false;
    uint64_t sequence = 0;  // in any order; else 0
    PublishOutcome outcome = {};
    absl::Status error = {};
  };

  bool any_order() const { return any_order_; }
  // Before the first Expect.
  void SetAnyOrder() { any_order_ = true; }

  // An answer is due. Returns the ticket for Put; in any order that is the sequence.
  uint64_t Expect(uint64_t sequence);
  // The answer is known.
  void Put(uint64_t ticket, const PublishOutcome& outcome, absl::Status error);

  bool has_ready() const {
    return any_order_ ? !answers_.empty() : !answers_.empty() && answers_.front().known;
  }
  // The next one that may go out.
  Answer Take();

  // Counts the answers that were not taken.
  size_t size() const { return answers_.size() + due_; }

 private:
  bool any_order_ = false;
  // In order: all of them. In any order: those that are known.
  std::deque<Answer> answers_;
  size_t due_ = 0;             // in any order: those that are not known
  uint64_t first_ticket_ = 0;  // in order: of answers_.front()
};

}  // namespace channel
