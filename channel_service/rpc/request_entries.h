// The entries of a request: its repeated fields, handed out one at a time.
//
// A request of 4 MiB may have 2 million entries, each of which would take fifty times its bytes as
// an object, and a long one is worked off in slices (slice_queue.h): so it is kept as bytes. A
// member of a call.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace channel {

class RequestEntries {
 public:
  // Takes the bytes of a request of the type of `rest`, and parses all but its entries into `rest`.
  // INVALID_ARGUMENT: no such request, or more than kEntriesPerRequestMax entries in one field.
  absl::Status Open(const grpc::ByteBuffer& bytes, google::protobuf::Message* rest);

  // The next entry of a field; nullopt after the last one. With another field than before it is
  // that one's first. Valid until Close.
  std::optional<std::string_view> Next(int field);
  // The place of the last entry in its field.
  int index() const { return index_; }

  // The request is worked off, or given up: its memory is freed.
  void Close();

  bool open() const { return !bytes_.empty(); }
  size_t bytes() const { return bytes_.size(); }
  // Counts the entries of all fields.
  size_t count() const { return count_; }

 private:
  std::string bytes_;  // whole fields
  size_t count_ = 0;
  size_t at_ = 0;
  int field_ = 0;
  int index_ = -1;
};

}  // namespace channel
