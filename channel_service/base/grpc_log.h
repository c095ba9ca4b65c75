// gRPC's own log lines, which strangers can cause: a line for each message that is compressed.
#pragma once

namespace channel {

inline constexpr int kGrpcLinesPerSecondMax = 5;

// For InitLog: they go to our log, as warnings at most, kGrpcLinesPerSecondMax of them. A failed
// assertion, after which gRPC ends the process, always does.
void TakeGrpcLog();

}  // namespace channel
