// Streams without a network: the test is the channel service's end of them.
//
// A message that the link writes waits in `written` until the test takes it; the link reads at once
// what the test gives. A stream that the link cancelled is over at the next Settle, as with gRPC.
#pragma once

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "ws_edge/upstream/stream.h"

namespace edge::test {

class FakeTransport;

class FakeStream final : public Stream {
 public:
  FakeStream(FakeTransport& transport, Observer* observer)
      : transport_(transport), observer_(observer) {}
  ~FakeStream() override;

  void Start() override {}
  void Cancel() override { cancelled_ = true; }
  bool up() const override { return up_ && !over_; }
  bool over() const override { return over_; }
  bool CanWrite() const override { return up() && writable; }
  void Write(std::string message) override { written.push_back(std::move(message)); }
  std::string Metadata(const std::string&) const override { return "memory"; }

  bool cancelled() const { return cancelled_; }
  void ComeUp() {
    up_ = true;
    observer_->OnStreamUp(this);
  }
  void Give(const std::string& message) {
    google::protobuf::io::ArrayInputStream bytes(message.data(), static_cast<int>(message.size()));
    observer_->OnStreamMessage(this, &bytes);
  }
  // The stream is gone after this.
  void End(const absl::Status& status) {
    over_ = true;
    observer_->OnStreamOver(this, status);
  }

  bool writable = true;
  std::deque<std::string> written;

 private:
  FakeTransport& transport_;
  Observer* const observer_;
  bool up_ = false;
  bool over_ = false;
  bool cancelled_ = false;
};

class FakeTransport final : public Transport {
 public:
  std::unique_ptr<Stream> Open(size_t address, Method method, Wait wait,
                               Stream::Observer* observer) override {
    auto stream = std::make_unique<FakeStream>(*this, observer);
    if (wait == Wait::kForAttempt) {
      why_ = stream.get();
    } else {
      last_address_ = address;
      (method == Method::kSubscribe ? subscribe_ : publish_) = stream.get();
    }
    return stream;
  }
  void WakeUp() override {}

  // The open streams; null without a link.
  FakeStream* subscribe() const { return subscribe_; }
  FakeStream* publish() const { return publish_; }
  // The stream that asks why there is no connection.
  FakeStream* why() const { return why_; }
  // The address that was tried last.
  size_t last_address() const { return last_address_; }

  void ComeUp() {
    subscribe_->ComeUp();
    publish_->ComeUp();
  }
  // The link's streams end.
  void Lose(const absl::Status& status) {
    FakeStream* const publish = publish_;
    if (subscribe_ != nullptr && !subscribe_->over()) subscribe_->End(status);
    if (publish_ == publish && publish != nullptr && !publish->over()) publish->End(status);
  }
  // Cancelled streams are over.
  void Settle() {
    for (FakeStream* stream : {why_, subscribe_, publish_}) {
      const bool open = stream == why_ || stream == subscribe_ || stream == publish_;
      if (stream != nullptr && open && stream->cancelled() && !stream->over()) {
        stream->End(absl::CancelledError("cancelled"));
      }
    }
  }

 private:
  friend class FakeStream;
  FakeStream* subscribe_ = nullptr;
  FakeStream* publish_ = nullptr;
  FakeStream* why_ = nullptr;
  size_t last_address_ = 0;
};

inline FakeStream::~FakeStream() {
  for (FakeStream** stream : {&transport_.subscribe_, &transport_.publish_, &transport_.why_}) {
    if (*stream == this) *stream = nullptr;
  }
}

}  // namespace edge::test
