// The streams of a link, one of each method: they come up together, and when one is over the link
// ends the others.
//
// Owned by the link; loop thread only.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "ws_edge/upstream/stream.h"

namespace edge {

class StreamSet {
 public:
  using Method = Transport::Method;

  // Only if it is empty. `observer` is called for each of them (MethodOf).
  void Open(Transport& transport, size_t address, Stream::Observer* observer) {
    for (size_t i = 0; i < streams_.size(); ++i) {
      streams_[i] = transport.Open(address, static_cast<Method>(i), Transport::Wait::kForConnection,
                                   observer);
    }
    for (const auto& stream : streams_) stream->Start();
  }
  void Cancel() {
    for (const auto& stream : streams_) stream->Cancel();
  }
  // Only if all are over.
  void Close() {
    for (auto& stream : streams_) stream.reset();
  }

  bool empty() const { return streams_[0] == nullptr; }
  bool up() const {
    return std::all_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->up(); });
  }
  bool over() const {
    return std::all_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->over(); });
  }
  Stream& operator[](Method method) const { return *streams_[static_cast<size_t>(method)]; }
  // nullopt if it is none of these.
  std::optional<Method> MethodOf(const Stream* stream) const {
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].get() == stream) return static_cast<Method>(i);
    }
    return std::nullopt;
  }

 private:
  std::array<std::unique_ptr<Stream>, Transport::kMethods> streams_;
};

}  // namespace edge
