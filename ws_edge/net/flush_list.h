// "Write once a turn": the streams that got something to send since the loop last flushed.
//
// The first mark posts one handler, which runs after all that is ready in this turn; it flushes
// every marked stream with one system call each. Loop thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edge {

class CorkedStream;

class FlushList {
 public:
  explicit FlushList(boost::asio::io_context& loop) : loop_(loop) {}
  FlushList(const FlushList&) = delete;
  FlushList& operator=(const FlushList&) = delete;

  // Marks a stream that is not marked; returns its place, for Remove.
  uint32_t Add(CorkedStream* stream) {
    if (marked_.empty()) boost::asio::post(loop_, [this] { FlushAll(); });
    marked_.push_back(stream);
    return static_cast<uint32_t>(marked_.size() - 1);
  }
  // A marked stream that goes away.
  void Remove(size_t place) { marked_[place] = nullptr; }

  // Memory for gathering small frames; free between two sends.
  std::string& scratch() { return scratch_; }

 private:
  void FlushAll();

  boost::asio::io_context& loop_;
  std::vector<CorkedStream*> marked_;
  std::vector<CorkedStream*> turn_;
  std::string scratch_;
};

}  // namespace edge
