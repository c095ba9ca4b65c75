// The work of an edge, once for each command of a client and once for each publication.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "channel/v1/channel.pb.h"
#include "tests/bench/micro/allocations.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/protocol/encode.h"

namespace edge {
namespace {

using channel::bench::Measure;

constexpr char kEpoch[] = "abcdefghjkmn";

std::string Letters(int64_t bytes) { return std::string(static_cast<size_t>(bytes), 'x'); }

void Parse(benchmark::State& state, Dialect dialect, const std::string& frame) {
  Measure(state, 1, [&] {
    Command command;
    CommandError error;
    if (!ParseCommand(dialect, frame, &command, &error)) std::abort();
    benchmark::DoNotOptimize(command);
  });
}

void ParsePlainJoin(benchmark::State& state) {
  Parse(state, Dialect::kPlain, R"({"cmd":"add_group","group_id":"123"})");
}
BENCHMARK(ParsePlainJoin)->Name("edge: parse add_group, plain");

void ParsePlainSend(benchmark::State& state) {
  Parse(state, Dialect::kPlain,
        R"({"cmd":"send_to_group","group_id":"123","message":")" + Letters(state.range(0)) + "\"}");
}
BENCHMARK(ParsePlainSend)
    ->Name("edge: parse send_to_group, plain")
    ->ArgName("bytes")
    ->Arg(32)
    ->Arg(1024);

void ParseEnvelopedSend(benchmark::State& state) {
  Parse(state, Dialect::kEnveloped,
        R"({"cmd":"send_to_group","id":17,"group_id":"123","key":"0123456789abcdef","message":")" +
            Letters(state.range(0)) + "\"}");
}
BENCHMARK(ParseEnvelopedSend)
    ->Name("edge: parse send_to_group with id and key, enveloped")
    ->ArgName("bytes")
    ->Arg(32)
    ->Arg(1024);

void ParseEnvelopedResume(benchmark::State& state) {
  Parse(state, Dialect::kEnveloped,
        R"({"cmd":"add_group","id":17,"group_id":"123",)"
        R"("since":{"epoch":"abcdefghjkmn","offset":123456}})");
}
BENCHMARK(ParseEnvelopedResume)->Name("edge: parse add_group with since, enveloped");

channel::v1::Publication Publication(int64_t bytes) {
  channel::v1::Publication publication;
  publication.set_group_id("123");
  publication.set_offset(123'457);
  publication.set_previous_offset(123'456);
  publication.set_time_unix_ms(1'700'000'000'000);
  publication.set_message(Letters(bytes));
  return publication;
}

void EncodePlainFrame(benchmark::State& state) {
  const auto publication = Publication(state.range(0));
  Measure(state, 1, [&] { benchmark::DoNotOptimize(EncodePlain(publication)); });
}
BENCHMARK(EncodePlainFrame)
    ->Name("edge: encode a publication, plain")
    ->ArgName("bytes")
    ->Arg(32)
    ->Arg(1024);

void EncodeEnvelopedFrame(benchmark::State& state) {
  const auto publication = Publication(state.range(0));
  Measure(state, 1, [&] { benchmark::DoNotOptimize(EncodeMessage(publication, kEpoch)); });
}
BENCHMARK(EncodeEnvelopedFrame)
    ->Name("edge: encode a publication, enveloped")
    ->ArgName("bytes")
    ->Arg(32)
    ->Arg(1024);

}  // namespace
}  // namespace edge
