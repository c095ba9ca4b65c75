// The events of a gRPC completion queue: each of its tags points to one.
#pragma once

namespace channel {

class CompletionEvent {
 public:
  // `ok` as gRPC defines it for the operation. Called on the thread that runs the queue.
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~CompletionEvent() = default;
};

// A tag that calls a member function: MemberEvent<Call, &Call::OnRead> on_read_{this};
template <typename Owner, void (Owner::*kMethod)(bool)>
class MemberEvent final : public CompletionEvent {
 public:
  explicit MemberEvent(Owner* owner) : owner_(owner) {}
  void OnEvent(bool ok) override { (owner_->*kMethod)(ok); }

 private:
  Owner* const owner_;
};

}  // namespace channel
