#include "tests/support/probe/service.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace channel::probe {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // gRPC would send even loopback through the proxy that the environment names.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// Cancels a call that has not been heard of in time. The only other thread of this program: the
// blocking API has no deadline for a single read.
class FirstAnswer {
 public:
  FirstAnswer(grpc::ClientContext& context, std::chrono::steady_clock::duration patience)
      : waiter_([this, &context, patience] {
          std::unique_lock lock(mutex_);
          if (over_.wait_for(lock, patience, [this] { return came_; })) return;
          late_ = true;
          context.TryCancel();
        }) {}
  ~FirstAnswer() {
    Came();
    waiter_.join();
  }

  void Came() {
    const std::lock_guard lock(mutex_);
    came_ = true;
    over_.notify_all();
  }
  bool late() {
    const std::lock_guard lock(mutex_);
    return late_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool came_ = false;
  bool late_ = false;
  std::thread waiter_;  // last: it uses the others
};

}  // namespace

Service::Service(const std::string& address)
    : stub_(v1::ChannelService::NewStub(Connect(address))) {}

absl::StatusOr<v1::PublishResponse> Service::Publish(const v1::PublishRequest& request,
                                                     std::chrono::steady_clock::duration patience) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::microseconds>(patience));
  v1::PublishResponse response;
  const grpc::Status status = stub_->Publish(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  return response;
}

absl::Status Service::Subscribe(const v1::SubscribeRequest& request,
                                std::chrono::steady_clock::duration patience,
                                const std::function<bool(const v1::Event&)>& on_event) {
  grpc::ClientContext context;
  FirstAnswer first(context, patience);
  const auto stream = stub_->Subscribe(&context);
  bool wanted = stream->Write(request);
  v1::SubscribeResponse response;
  bool stopped = false;
  while (wanted && !stopped && stream->Read(&response)) {
    first.Came();
    for (const v1::Event& event : response.events()) {
      if (stopped) break;
      stopped = !on_event(event);
    }
  }
  if (stopped) context.TryCancel();
  const grpc::Status status = stream->Finish();
  if (stopped) return absl::OkStatus();
  if (first.late()) return absl::DeadlineExceededError("the service did not answer in time");
  if (status.ok()) return absl::UnavailableError("the service ended the stream");
  return ToStatus(status);
}

}  // namespace channel::probe
