// Judges a history: what the service promises (proto/websocket.md: positions, resuming, gaps) held,
// or not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/faults/history.h"

namespace faults {

struct CheckOptions {
  // A gap must begin where the receiver stood, end where its chain goes on, and hold none that the
  // receiver has. Not for reason `epoch`, which claims all of the old epoch, and is announced also
  // to those who missed nothing.
  bool exact_gaps = false;
  // Others publish into the same groups: what they publish has positions, but is not judged, and
  // may be all that a gap holds.
  bool strangers_publish = false;
};

// Counts are of single events at single members; all but the first six must be 0.
struct Verdict {
  std::uint64_t publications = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t delivered = 0;
  std::uint64_t gaps = 0;
  // Acknowledged publications that lie inside an announced gap of a member that has not got them.
  std::uint64_t in_gaps = 0;
  // Told by its key for one that had come in an earlier epoch, and dropped by the client.
  std::uint64_t repeats_dropped = 0;

  // A message twice to one member (and not dropped by its key after a change of the epoch), or
  // published at two positions of one epoch.
  std::uint64_t duplicates = 0;
  // Against the order of offsets, against the sender's order where that is promised (see
  // PublicationLog), or two messages at one position.
  std::uint64_t reordered = 0;
  // Acknowledged, neither delivered nor inside an announced gap.
  std::uint64_t lost = 0;
  // Holes in the chain, changes of the epoch and `recovered: false` without a gap event.
  std::uint64_t unannounced = 0;
  // Delivered, but sent by nobody.
  std::uint64_t never_sent = 0;
  // Delivered to one who is not a member of the message's group (any more).
  std::uint64_t foreign = 0;
  // Gaps that claim a loss where this member misses nothing; if exact_gaps, also those that claim
  // too much.
  std::uint64_t overclaimed = 0;

  std::map<GapReason, std::uint64_t> gap_reasons;
  // The first defects, in words.
  std::vector<std::string> problems;

  bool ok() const {
    return duplicates + reordered + lost + unannounced + never_sent + foreign + overclaimed == 0;
  }
  // One line of counts, without a newline.
  std::string Summary() const;
};

Verdict Check(const History& history, const CheckOptions& options = {});

}  // namespace faults
