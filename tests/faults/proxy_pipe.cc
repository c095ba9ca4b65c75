#include "tests/faults/proxy_pipe.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace faults {

using boost::system::error_code;

ProxyPipe::ProxyPipe(Socket& from, Socket& to, std::uint64_t seed, std::uint64_t& bytes,
                     std::uint64_t& flipped, std::function<void(bool failed)> on_end)
    : from_(from),
      to_(to),
      bytes_(bytes),
      flipped_(flipped),
      on_end_(std::move(on_end)),
      random_(seed),
      timer_(from.get_executor()) {}

void ProxyPipe::Start(std::shared_ptr<void> keep_alive) {
  keep_alive_ = std::move(keep_alive);
  Read();
}

void ProxyPipe::Apply(const LinkFaults& faults) {
  if (faults.flip_every_bytes != faults_.flip_every_bytes) until_flip_.reset();
  faults_ = faults;
  timer_.cancel();
  if (keep_alive_) Write();
}

void ProxyPipe::Stop() {
  stopped_ = true;
  timer_.cancel();
  keep_alive_.reset();
}

void ProxyPipe::Read() {
  if (reading_ || stopped_ || ended_ || held_bytes_ >= kHeldBytesMax) return;
  reading_ = true;
  from_.async_read_some(boost::asio::buffer(buffer_),
                        [this, alive = keep_alive_](error_code error, std::size_t count) {
                          reading_ = false;
                          if (stopped_) return;
                          if (error == boost::asio::error::eof) {
                            ended_ = true;
                          } else if (error) {
                            return on_end_(true);
                          } else {
                            held_.emplace_back(buffer_.data(), count);
                            Corrupt(held_.back());
                            held_bytes_ += count;
                          }
                          Write();
                          Read();
                        });
}

bool ProxyPipe::Reached(SteadyTime time) {
  if (time <= std::chrono::steady_clock::now()) return true;
  timer_.expires_at(time);
  timer_.async_wait([this, alive = keep_alive_](error_code error) {
    if (!error && !stopped_) Write();
  });
  return false;
}

void ProxyPipe::Write() {
  if (writing_ || stopped_ || faults_.stopped) return;
  if (held_.empty()) {
    if (!ended_ || end_sent_) return;
    end_sent_ = true;
    error_code ignored;
    to_.shutdown(Socket::shutdown_send, ignored);
    return on_end_(false);
  }
  if (!Reached(next_write_at_)) return;
  auto bytes = std::make_shared<std::string>(std::move(held_.front()));
  held_.pop_front();
  if (faults_.bytes_per_second != 0) {
    // Twenty portions a second.
    const std::size_t portion = std::max<std::size_t>(faults_.bytes_per_second / 20, 1);
    if (bytes->size() > portion) {
      held_.push_front(bytes->substr(portion));
      bytes->resize(portion);
    }
    next_write_at_ =
        std::chrono::steady_clock::now() +
        std::chrono::microseconds(bytes->size() * 1'000'000 / faults_.bytes_per_second);
  }
  writing_ = true;
  boost::asio::async_write(to_, boost::asio::buffer(*bytes),
                           [this, bytes, alive = keep_alive_](error_code error, std::size_t count) {
                             writing_ = false;
                             if (stopped_) return;
                             if (error) return on_end_(true);
                             bytes_ += count;
                             held_bytes_ -= count;
                             Write();
                             Read();
                           });
}

void ProxyPipe::Corrupt(std::string& bytes) {
  if (faults_.flip_every_bytes == 0) return;
  std::geometric_distribution<std::uint64_t> distance(
      1.0 / static_cast<double>(faults_.flip_every_bytes));
  std::uint64_t at = 0;
  while (true) {
    if (!until_flip_) until_flip_ = distance(random_);
    if (at + *until_flip_ >= bytes.size()) break;
    at += *until_flip_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random_() % 8)));
    ++flipped_;
    ++at;
    until_flip_.reset();
  }
  *until_flip_ -= bytes.size() - at;
}

}  // namespace faults
