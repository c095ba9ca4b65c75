// Makes what the clients of a simulation say: commands of all kinds, good ones and senseless ones.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/sim_client.h"
#include "tests/fuzz/sim_service.h"
#include "tests/fuzz/sim_trace.h"

namespace fuzz {

// They are called g0, g1, g2.
inline constexpr size_t kSimGroups = 3;

class SimTalk {
 public:
  // `settle` lets everybody take what was sent. Of plain clients each is in at most
  // `plain_groups_max` groups, since they are not told which join was refused.
  SimTalk(FuzzInput& input, const SimService& service, const SimTrace& trace,
          size_t plain_groups_max, std::function<void()> settle)
      : input_(input),
        service_(service),
        trace_(trace),
        plain_groups_max_(plain_groups_max),
        settle_(std::move(settle)) {}

  // A client says something.
  void Say(SimClient& client);
  // A client is back: it resumes most of its groups.
  void ResumeAll(SimClient& client);

  std::string AnyGroup() { return "g" + std::to_string(input_.Below(kSimGroups)); }
  // A message that there was not before; see GroupOfMessage.
  std::string NewMessage(const std::string& group);

 private:
  using Position = EnvelopedView::Position;

  void SayEnveloped(SimClient& client);
  void SayPlain(SimClient& client);
  void Join(SimClient& client, const std::string& group, const std::optional<Position>& since,
            uint32_t last, bool bogus);
  void LookBack(SimClient& client, const std::string& group,
                const std::optional<Position>& position);
  void Send(SimClient& client, const std::string& group);
  void Command(SimClient& client, const char* name, int64_t id, const std::string& group,
               const std::string& more);

  FuzzInput& input_;
  const SimService& service_;
  const SimTrace& trace_;
  const size_t plain_groups_max_;
  const std::function<void()> settle_;
  int last_message_ = 0;
};

}  // namespace fuzz
