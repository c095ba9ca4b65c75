// A bidirectional call to the channel service, and what opens such calls: the seam between the link
// and gRPC. Tests put a transport of their own here. Loop thread only.
#pragma once

#include <google/protobuf/io/zero_copy_stream.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace edge {

// Owned by the link. Started once; it is over exactly once (OnStreamOver), after which it may be
// destroyed and not before. At most one write is outstanding.
class Stream {
 public:
  class Observer {
   public:
    // The service took the call: messages may be written.
    virtual void OnStreamUp(Stream* stream) = 0;
    // A whole serialised message; `bytes` ends with the call.
    virtual void OnStreamMessage(Stream* stream,
                                 google::protobuf::io::ZeroCopyInputStream* bytes) = 0;
    // The call has ended, with this status; nothing of it is outstanding, and it may be destroyed
    // in this call (`status` goes with it).
    virtual void OnStreamOver(Stream* stream, const absl::Status& status) = 0;

   protected:
    ~Observer() = default;
  };

  virtual ~Stream() = default;

  virtual void Start() = 0;
  // Ends the call soon, with CANCELLED; may be repeated.
  virtual void Cancel() = 0;

  virtual bool up() const = 0;
  virtual bool over() const = 0;
  virtual bool CanWrite() const = 0;
  // Only if CanWrite: one serialised message.
  virtual void Write(std::string message) = 0;
  // A value of the service's initial metadata, once the stream is up; empty if it is not there.
  virtual std::string Metadata(const std::string& key) const = 0;
};

class Transport {
 public:
  enum class Method { kSubscribe, kPublishStream };
  static constexpr size_t kMethods = 2;
  enum class Wait {
    kForConnection,  // as long as it takes; Cancel ends the wait
    kForAttempt,     // the next attempt to connect that fails ends the stream, with the reason
  };

  // A stream to one of the addresses (LinkOptions), not started yet.
  virtual std::unique_ptr<Stream> Open(size_t address, Method method, Wait wait,
                                       Stream::Observer* observer) = 0;
  // The link has something to write: Link::Write is to be called before the loop waits again.
  virtual void WakeUp() = 0;

 protected:
  ~Transport() = default;
};

}  // namespace edge
