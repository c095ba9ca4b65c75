// 1,000 clients that do nothing wrong, while others do: the bystanders of an attack.
//
//   hostile_bystanders PORT
//
// 100 of them are members of the group "attacked", the others of groups of 10; some of each group
// publish with keys at a steady rate. Commands come on standard input, one a line:
//   begin
//       they start to publish
//   end
//       they stop; when all has
//       arrived, one line of JSON says what came of it since `begin`: see Report. Nothing more can
//       be measured after a line with "settled": false.
// Both are answered with one line of JSON, and the first line comes when all have joined. End of
// input ends the process.
#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <unordered_map>

#include "tests/bench/load/latency_histogram.h"
#include "tests/faults/checker.h"
#include "tests/faults/swarm.h"

namespace hostile {
namespace {

namespace json = boost::json;
using channel::bench::LatencyHistogram;
using faults::History;
using faults::MemberEvent;
using faults::SwarmClient;

constexpr std::size_t kAttackedMembers = 100;
constexpr std::size_t kQuietGroups = 90;
constexpr std::size_t kQuietMembers = 10;
constexpr std::size_t kAttackedPublishers = 10;
constexpr double kAttackedRate = 1;  // publications of one publisher in a second
constexpr double kQuietRate = 2;
constexpr std::size_t kBodyBytes = 128;
// So many that a publisher goes on while its answers are late, and the latency shows how late.
constexpr std::size_t kUnansweredMax = 1'000;
constexpr std::chrono::milliseconds kSlice{200};
constexpr std::chrono::seconds kJoinWait{60};
constexpr std::chrono::seconds kSettleWait{15};

void Print(const json::object& line) { std::cout << json::serialize(line) << std::endl; }

class Bystanders {
 public:
  explicit Bystanders(std::uint16_t port) : swarm_(port, /*seed=*/1) {
    AddGroup("attacked", kAttackedMembers, kAttackedPublishers, kAttackedRate);
    for (std::size_t i = 0; i < kQuietGroups; ++i) {
      AddGroup("quiet-" + std::to_string(i), kQuietMembers, 1, kQuietRate);
    }
    swarm_.AwaitJoined(kJoinWait);
  }

  std::size_t size() const { return swarm_.size(); }

  void Begin() {
    begun_ = std::chrono::steady_clock::now();
    before_ = swarm_.Counts();
    for (const Publisher& publisher : publishers_) {
      swarm_.With(publisher.client, [&](SwarmClient& client) {
        faults::SendPlan plan;
        plan.sender = static_cast<std::uint32_t>(publisher.client);
        plan.groups = {publisher.group};
        plan.per_second = publisher.per_second;
        plan.unanswered_max = kUnansweredMax;
        plan.body_bytes = kBodyBytes;
        // Evenly over the interval.
        plan.delay = std::chrono::milliseconds(static_cast<int>(
            1000 / publisher.per_second * static_cast<double>(&publisher - publishers_.data()) /
            static_cast<double>(publishers_.size())));
        client.StartSending(plan);
      });
    }
  }

  json::object End() {
    swarm_.StopSending();
    bool settled = true;
    std::string unsettled;
    try {
      swarm_.AwaitJoined(kSettleWait);
      swarm_.Settle(kSettleWait);
    } catch (const support::TestFailure& failure) {
      settled = false;
      unsettled = failure.what();
    }
    const SwarmClient::Counts counts = swarm_.Counts();
    const History history = settled ? swarm_.CutHistory() : swarm_.TakeHistory();
    json::object report = Report(history, counts);
    AddLatencies(history, report);
    report["settled"] = settled;
    if (!settled) report["problems"].as_array().emplace_back(unsettled);
    return report;
  }

 private:
  struct Publisher {
    std::size_t client;
    std::string group;
    double per_second;
  };

  void AddGroup(const std::string& group, std::size_t members, std::size_t publishers,
                double per_second) {
    for (std::size_t i = 0; i < members; ++i) {
      faults::SwarmClientOptions options;
      options.name = group + "/" + std::to_string(i);
      options.source_address = "127.0.0.2";  // not the attacker's
      options.groups = {group};
      const std::size_t client = swarm_.Add(std::move(options));
      if (i < publishers) publishers_.push_back({client, group, per_second});
    }
  }

  // Sent, acknowledged, refused, delivered, lost (announced by a gap, or not), and so on; closes by
  // code; latencies from the first attempt to send to each delivery. The typical 99th percentile is
  // the median of those of each 200 ms: what the machine does besides hits some of them.
  json::object Report(const History& history, const SwarmClient::Counts& counts) const {
    faults::CheckOptions options;
    options.strangers_publish = true;
    const faults::Verdict verdict = faults::Check(history, options);
    json::object report{
        {"sent", verdict.publications},
        {"acknowledged", verdict.acknowledged},
        {"refused", counts.retryable_errors - before_.retryable_errors},
        {"delivered", verdict.delivered},
        {"lost", verdict.lost + verdict.in_gaps},
        {"duplicates", verdict.duplicates},
        {"other_defects", verdict.reordered + verdict.unannounced + verdict.never_sent +
                              verdict.foreign + verdict.overclaimed},
        {"surprises", counts.surprises.size() - before_.surprises.size()}};
    json::object closes;
    for (const auto& [code, count] : counts.closes) {
      const auto before = before_.closes.find(code);
      const std::uint64_t more = count - (before == before_.closes.end() ? 0 : before->second);
      if (more > 0) closes[std::to_string(code)] = more;
    }
    report["closes"] = std::move(closes);
    json::array problems;
    for (const auto* texts : {&verdict.problems, &counts.surprises}) {
      for (std::size_t i = 0; i < std::min<std::size_t>(texts->size(), 3); ++i) {
        problems.emplace_back((*texts)[i]);
      }
    }
    report["problems"] = std::move(problems);
    return report;
  }

  void AddLatencies(const History& history, json::object& report) const {
    std::unordered_map<faults::MessageId, faults::Time, faults::MessageIdHash> sent;
    for (const faults::PublicationLog& publication : history.publications) {
      sent.emplace(publication.id, publication.sent);
    }
    LatencyHistogram all;
    std::map<std::chrono::nanoseconds::rep, LatencyHistogram> slices;
    std::uint64_t strangers = 0;
    for (const faults::MemberLog& member : history.members) {
      for (const MemberEvent& event : member.events) {
        if (event.kind != MemberEvent::Kind::kMessage) continue;
        const auto at = event.id ? sent.find(*event.id) : sent.end();
        if (at == sent.end()) {
          ++strangers;
          continue;
        }
        const auto latency = std::chrono::nanoseconds(event.when - at->second).count();
        all.Add(latency);
        slices[(at->second - begun_) / kSlice].Add(latency);
      }
    }
    std::vector<std::uint64_t> of_slices;
    for (const auto& [number, slice] : slices) of_slices.push_back(slice.Percentile(0.99));
    std::ranges::sort(of_slices);
    const auto milliseconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e6; };
    report["from_strangers"] = strangers;
    report["p50_ms"] = milliseconds(all.Percentile(0.5));
    report["p99_ms"] = milliseconds(all.Percentile(0.99));
    report["typical_p99_ms"] =
        of_slices.empty() ? 0 : milliseconds(of_slices[of_slices.size() / 2]);
    report["max_ms"] = milliseconds(all.max());
  }

  faults::Swarm swarm_;
  std::vector<Publisher> publishers_;
  faults::Time begun_;
  SwarmClient::Counts before_;
};

int Run(const std::string& port) {
  Bystanders bystanders(static_cast<std::uint16_t>(std::stoi(port)));
  Print({{"joined", bystanders.size()}});
  for (std::string command; std::cin >> command;) {
    if (command == "begin") {
      bystanders.Begin();
      Print({});
    } else if (command == "end") {
      Print(bystanders.End());
    } else {
      throw support::TestFailure("unknown command " + command);
    }
  }
  return 0;
}

}  // namespace
}  // namespace hostile

int main(int argc, char** argv) {
  if (argc != 2 || std::atoi(argv[1]) <= 0) {
    std::fprintf(stderr, "usage: hostile_bystanders PORT\n");
    return 64;
  }
  try {
    return hostile::Run(argv[1]);
  } catch (const support::TestFailure& failure) {
    std::fprintf(stderr, "hostile_bystanders: %s\n", failure.what());
    return 1;
  }
}
