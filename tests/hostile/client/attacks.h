// The words of the connections of each attack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/load/websocket.h"

namespace hostile {

// Where frames are written to, and which connection writes.
struct Speech {
  std::size_t connection =
      0;                   // counted from 0; one that takes the place of a lost one has its number
  std::uint64_t next = 0;  // counts up over all connections of the attack, for what must be new
  std::string out;
  std::uint64_t frames = 0;  // in `out`

  void Frame(std::uint8_t first, std::string_view payload);
  void Text(std::string_view text) { Frame(channel::bench::kTextFrame, text); }
};

enum class Opening : std::uint8_t {
  kUpgrade,       // a WebSocket
  kAnyAndSilent,  // every second connection upgrades, the others never finish their request
};

struct Attack {
  const char* name;
  std::size_t connections = 1;
  bool enveloped = false;
  bool reads = true;
  Opening opening = Opening::kUpgrade;
  // After the upgrade, once; null: nothing.
  void (*begin)(Speech&) = nullptr;
  // Again and again, as fast as the edge takes it; null, or nothing appended: nothing more.
  void (*go_on)(Speech&) = nullptr;
};

std::span<const Attack> Attacks();

}  // namespace hostile
