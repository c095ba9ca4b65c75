// A whole deployment in one thread, driven by bytes: a channel service, two edges, clients of both
// dialects, and everything that happens to them. The same bytes do the same again.
//
// Real: engine, hub, resume table, publish queue, router, groups, sessions, frames, JSON.
// Simulated: time, the gRPC streams (sim_wire.h), and clients, which
// check what they are given (enveloped_view.h, plain_view.h). At the end all links are up and all
// clients read, a last message is published to each group, and everybody must have everything.
#pragma once

#include <string_view>

namespace fuzz {

struct SimulationResult {
  size_t steps = 0;
  size_t publications = 0;
  size_t events = 0;  // given to clients
};

// Aborts with a message if a promise is broken. With `trace` each step is printed.
SimulationResult RunSimulation(std::string_view bytes, bool trace = false);

}  // namespace fuzz
